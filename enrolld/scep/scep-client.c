/* SPDX-License-Identifier: Apache-2.0 */
#include "scep-client.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <strings.h>

#include "ber.h"
#include "json-util.h"
#include "keyd-client.h"
#include "scep-url.h"

#define TIMEOUT_SECONDS 60U
#define CAPABILITIES_MAX 4096U
#define MESSAGE_TYPE "application/x-pki-message"
#define NEXT_AUTHORITY_TYPE "application/x-x509-next-ca-cert"

static int _printf_(3, 4) explain(char reason[SCEP_REASON_SIZE], int error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(reason, SCEP_REASON_SIZE, format, ap);
    va_end(ap);
    return error;
}

/* --- Transport -------------------------------------------------------------------------------- */

static int fetch_failed(const ScepServer *server, int r, const FetchRequest *request,
                        const FetchReply *reply, char reason[SCEP_REASON_SIZE])
{
    if (r == -EMSGSIZE)
        return explain(reason, r, "the answer of %.200s is larger than %zu KiB", server->url,
                       request->size_max >> 10);
    if (r == -EHOSTUNREACH)
        return explain(reason, r, "%.200s cannot be reached: %.200s", server->url, reply->error);
    if (r < 0)
        return explain(reason, r, "%.200s cannot be asked: %s", server->url, strerror(-r));
    return 0;
}

static int fetch_url(const ScepServer *server, const char *url, const void *body, size_t body_size,
                     size_t size_max, FetchReply *reply, char reason[SCEP_REASON_SIZE])
{
    const FetchRequest request = {
        .url = url,
        .body = body,
        .body_size = body_size,
        .content_type = body ? MESSAGE_TYPE : NULL,
        .size_max = size_max,
        .timeout_seconds = TIMEOUT_SECONDS,
        .route = server->route,
    };
    int r = fetch_in_session(server->session, &request, server->cancel_fd, reply);

    return fetch_failed(server, r, &request, reply, reason);
}

static int ask(const ScepServer *server, const char *operation, const char *message,
               size_t size_max, FetchReply *reply, char reason[SCEP_REASON_SIZE])
{
    _cleanup_free_ char *url = NULL;
    int r = scep_url_new(server->url, operation, message, &url);

    if (r < 0)
        return explain(reason, r,
                       "the message is too long for a URL, and the server takes no POST");
    return fetch_url(server, url, NULL, 0, size_max, reply, reason);
}

static int check_status(const ScepServer *server, const FetchReply *reply,
                        char reason[SCEP_REASON_SIZE])
{
    if (reply->status == 200)
        return 0;
    return explain(
        reason, -EREMOTEIO, "%.200s answered with HTTP status %u%s", server->url, reply->status,
        reply->status >= 300 && reply->status < 400 ? ", a redirection, which is not followed"
                                                    : "");
}

/* --- Capabilities, certificates --------------------------------------------------------------- */

static FetchRequest capabilities_request(const ScepServer *server, const char *url)
{
    return (FetchRequest){.url = url,
                          .size_max = CAPABILITIES_MAX,
                          .timeout_seconds = TIMEOUT_SECONDS,
                          .route = server->route};
}

int scep_ask_capabilities(const ScepServer *server, char reason[SCEP_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    _cleanup_free_ char *url = NULL;
    FetchRequest request;
    int r = scep_url_new(server->url, "GetCACaps", server->name, &url);

    if (r < 0)
        return explain(reason, r, "the URL is too long");
    request = capabilities_request(server, url);
    r = fetch_session_send(server->session, &request, server->cancel_fd, &reply);
    return fetch_failed(server, r, &request, &reply, reason);
}

int scep_take_capabilities(const ScepServer *server, ScepCapabilities *ret,
                           char reason[SCEP_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    const FetchRequest request = capabilities_request(server, server->url);
    int r = fetch_session_receive(server->session, &request, server->cancel_fd, &reply);

    r = fetch_failed(server, r, &request, &reply, reason);
    if (r < 0)
        return r;
    /* Whoever does not know the question can nothing of it. */
    if (reply.status == 200)
        scep_capabilities_parse(reply.body, reply.body_size, ret);
    else
        *ret = (ScepCapabilities){.aes = false};
    /* F7: whoever sits in between may strike lines out. */
    if (!server->legacy && (!ret->aes || !ret->sha256))
        return explain(reason, -EOPNOTSUPP,
                       "%.200s does not offer %s, and nothing less is used unless the trustpoint "
                       "has 'enrollment legacy'",
                       server->url, ret->aes ? "SHA-256" : "AES");
    return 0;
}

int scep_get_authorities(const ScepServer *server, ReceivedList *ret, char reason[SCEP_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    const char *why = "";
    int r;

    r = ask(server, "GetCACert", server->name, RECEIVED_SIZE_MAX, &reply, reason);
    if (r >= 0)
        r = check_status(server, &reply, reason);
    if (r < 0)
        return r;
    r = scep_certificates_parse(reply.body, reply.body_size, ret, &why);
    return r == -EBADMSG || r == -EMSGSIZE
               ? explain(reason, r, "what %.200s answered is no CA certificate: %s", server->url,
                         why)
               : r;
}

/* What is no BER either stays what it is: whoever reads it says so. */
static int normalise(DerSpan input, DerSpan *ret, void **ret_buffer)
{
    int r = ber_to_der(input.data, input.size, ret_buffer, &ret->size);

    if (r == -ENOMEM)
        return r;
    if (r >= 0)
        ret->data = *ret_buffer;
    else
        *ret = input;
    return 0;
}

static bool has_type(const FetchReply *reply, const char *type)
{
    const char *given = reply->content_type ? reply->content_type : "";
    size_t n = strlen(type);

    return strncasecmp(given, type, n) == 0 && strchr("; ", given[n]);
}

int scep_get_next_authorities(const ScepServer *server, X509 *authority, ReceivedList *ret,
                              char reason[SCEP_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    _cleanup_free_ void *buffer = NULL;
    const char *why = "";
    DerSpan input;
    int r;

    r = ask(server, "GetNextCACert", server->name, SCEP_REPLY_MAX, &reply, reason);
    if (r >= 0)
        r = check_status(server, &reply, reason);
    if (r < 0)
        return r;
    /* RFC 8894 section 4.7.1 */
    if (!has_type(&reply, NEXT_AUTHORITY_TYPE))
        return explain(reason, -EBADMSG, "%.200s answered with something else than %s", server->url,
                       NEXT_AUTHORITY_TYPE);
    r = normalise((DerSpan){reply.body, reply.body_size}, &input, &buffer);
    if (r < 0)
        return r;
    r = scep_next_certificates_parse(input.data, input.size, authority, server->legacy,
                                     server->context, ret, &why);
    return r < 0 && why[0]
               ? explain(reason, r, "what %.200s answered cannot be used: %s", server->url, why)
               : r;
}

/* --- Transactions ----------------------------------------------------------------------------- */

static size_t size_max_of(const ScepExchange *x)
{
    return x->type == SCEP_GET_CRL ? SCEP_CRL_REPLY_MAX : SCEP_REPLY_MAX;
}

static int send_message(const ScepExchange *x, const void *der, size_t size, FetchReply *reply,
                        char reason[SCEP_REASON_SIZE])
{
    _cleanup_free_ char *url = NULL, *text = NULL;
    int r;

    if (x->capabilities->post) {
        r = scep_url_new(x->server->url, "PKIOperation", NULL, &url);
        if (r < 0)
            return explain(reason, r, "the URL is too long");
        r = fetch_url(x->server, url, der, size, size_max_of(x), reply, reason);
    } else {
        text = base64_encode(der, size);
        if (!text)
            return -ENOMEM;
        r = ask(x->server, "PKIOperation", text, size_max_of(x), reply, reason);
    }
    if (r == -EHOSTUNREACH && reply->lost)
        return -ENOLINK;
    return r < 0 ? r : check_status(x->server, reply, reason);
}

static int build(const ScepExchange *x, const uint8_t *nonce, void **ret_der, size_t *ret_size,
                 char reason[SCEP_REASON_SIZE])
{
    int r = scep_request_build(&(ScepRequest){.context = x->server->context,
                                              .type = x->type,
                                              .transaction = x->transaction,
                                              .nonce = nonce,
                                              .content = x->content,
                                              .content_size = x->content_size,
                                              .recipient = x->peers->recipient,
                                              .signer = x->signer,
                                              .key = x->key,
                                              .digest = x->digest,
                                              .triple_des = !x->capabilities->aes},
                               ret_der, ret_size);

    if (r == -EOPNOTSUPP)
        return explain(
            reason, r,
            "the CA has neither an RSA key nor one of an elliptic curve that requests could be "
            "encrypted for");
    if (r < 0)
        return explain(reason, r, "the request cannot be signed: %s",
                       keyd_last_errno() < 0 ? keyd_last_error() : strerror(-r));
    return 0;
}

/* NULL when it is the password that opens it. */
static int load_opener(const ScepExchange *x, const ScepEnvelope *envelope, EVP_PKEY **ret,
                       char reason[SCEP_REASON_SIZE])
{
    int r;

    if (envelope->by_password)
        return x->password ? 0
                           : explain(reason, -ENOKEY,
                                     "the answer cannot be opened: there is no challenge password");
    r = keyd_pair_unwrapper_new(x->server->context, x->algorithm, x->label, x->opening_pair,
                                "scep-decrypt", envelope->key_size, ret);
    return r < 0 ? explain(reason, r, "the answer cannot be opened: %s", keyd_last_error()) : 0;
}

/* What an answer that grants what was asked for holds. */
static int open_grant(const ScepExchange *x, DerSpan content, void **ret, size_t *ret_size,
                      char reason[SCEP_REASON_SIZE])
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *opener = NULL;
    _cleanup_free_ void *buffer = NULL;
    const char *why = "";
    ScepEnvelope envelope;
    int r;

    r = normalise(content, &content, &buffer);
    if (r < 0)
        return r;
    r = scep_envelope_parse(content, x->signer, x->server->legacy, &envelope, &why);
    if (r < 0)
        return explain(reason, r, "the answer cannot be used: %s", why);
    r = load_opener(x, &envelope, &opener, reason);
    if (r < 0)
        return r;
    r = scep_envelope_open(&envelope, x->server->context, opener, x->password, ret, ret_size);
    return r < 0 ? explain(reason, r, "the answer cannot be used: it cannot be decrypted%s",
                           envelope.by_password ? " with the challenge password" : "")
                 : 0;
}

/* What somebody can do about it. */
static const char *advice(const char *fail_info)
{
    static const char *const all[][2] = {
        {"badAlg", "the CA does not take its algorithms: try another 'message-digest' or key"},
        {"badMessageCheck", "the CA cannot read or verify it: if the CA has another certificate by "
                            "now, clear and authenticate"},
        {"badRequest", "the CA does not allow it: check subject, alternative names and challenge "
                       "password"},
        {"badTime", "the CA takes its time for wrong: check the clocks of both"},
        {"badCertId", "the CA knows no such certificate"},
    };

    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        if (streq(all[i][0], fail_info))
            return all[i][1];
    return "";
}

static int read_answer(const ScepExchange *x, const uint8_t *nonce, const FetchReply *http,
                       ScepResult *ret, void **ret_data, size_t *ret_size,
                       char reason[SCEP_REASON_SIZE])
{
    const ScepExpectation expected = {
        .context = x->server->context,
        .transaction = x->transaction,
        .nonce = nonce,
        .signers = x->peers->signers,
        .n_signers = x->peers->n_signers,
        .legacy = x->server->legacy,
        .size_max = size_max_of(x),
    };
    _cleanup_free_ void *buffer = NULL;
    const char *why = "";
    ScepReply reply;
    DerSpan input;
    int r;

    r = normalise((DerSpan){http->body, http->body_size}, &input, &buffer);
    if (r < 0)
        return r;
    r = scep_reply_parse(input.data, input.size, &expected, &reply, &why);
    if (r < 0)
        return explain(reason, r, "the answer cannot be used: %s", why);
    switch (reply.status) {
    case SCEP_PENDING:
        *ret = SCEP_RESULT_PENDING;
        return explain(reason, 0, "%s", "the CA has not decided yet");
    case SCEP_FAILURE:
        *ret = SCEP_RESULT_REFUSED;
        return explain(reason, 0, "%s (%s)%s%s", reply.fail_info, advice(reply.fail_info),
                       reply.fail_text[0] ? ", " : "", reply.fail_text);
    case SCEP_SUCCESS:
        *ret = SCEP_RESULT_GRANTED;
        return open_grant(x, reply.content, ret_data, ret_size, reason);
    default:
        return -EBADMSG;
    }
}

/* The data of a grant; none of any other result. */
static int ask_and_open(const ScepExchange *exchange, ScepResult *ret, void **ret_data,
                        size_t *ret_size, char reason[SCEP_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    uint8_t nonce[SCEP_NONCE_SIZE];
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r;

    if (RAND_bytes(nonce, sizeof(nonce)) != 1)
        return explain(reason, -EIO, "there are no random numbers");
    r = build(exchange, nonce, &der, &size, reason);
    if (r >= 0)
        r = send_message(exchange, der, size, &reply, reason);
    return r < 0 ? r : read_answer(exchange, nonce, &reply, ret, ret_data, ret_size, reason);
}

int scep_exchange(const ScepExchange *exchange, ScepResult *ret, ReceivedList *certificates,
                  char reason[SCEP_REASON_SIZE])
{
    _cleanup_free_ void *data = NULL;
    const char *why = "";
    size_t size;
    int r;

    *certificates = (ReceivedList){.n = 0};
    r = ask_and_open(exchange, ret, &data, &size, reason);
    if (r < 0 || *ret != SCEP_RESULT_GRANTED)
        return r;
    r = scep_certificates_parse(data, size, certificates, &why);
    return r < 0 ? explain(reason, r, "the answer cannot be used: %s", why) : 0;
}

int scep_exchange_crl(const ScepExchange *exchange, void **ret_der, size_t *ret_size,
                      char reason[SCEP_REASON_SIZE])
{
    char said[SCEP_REASON_SIZE / 2];
    _cleanup_free_ void *data = NULL;
    const char *why = "";
    ScepResult result;
    size_t size;
    int r;

    r = ask_and_open(exchange, &result, &data, &size, reason);
    if (r < 0)
        return r;
    (void)snprintf(said, sizeof(said), "%s", reason);
    if (result != SCEP_RESULT_GRANTED)
        return explain(reason, -ENODATA, "the CA gives no revocation list: %s", said);
    r = scep_crl_parse(data, size, ret_der, ret_size, &why);
    return r < 0 ? explain(reason, r, "the answer cannot be used: %s", why) : 0;
}
