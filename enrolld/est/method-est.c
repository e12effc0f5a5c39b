/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment over EST. Whom the router talks to is decided by the certificates of the trustpoint and
 * of the trustpool; who it is, by the certificate that it has, or another one that the
 * ssl-profile names, and by a user name and a password that somebody gives for the one request, or
 * a profile for all. */
#include <fcntl.h>
#include <openssl/pem.h>

#include "atomic-file.h"
#include "csr.h"
#include "enrolld.h"
#include "errors.h"
#include "est-client.h"
#include "label.h"
#include "server-judge.h"
#include "server-method.h"

#define TRUSTPOOL_FOLDER "/run/chancery-trust"
#define TRUSTPOOL_FILE "ca-bundle.pem"
#define TRUSTPOOL_MAX (16U << 20)

/* What a connection needs; made once for a job. */
typedef struct Connection {
    char *anchors, *certificates;
    char advice[STRLEN("crypto ca enroll ") + LABEL_MAX + 1];
    int key_fd;
} Connection;

static void connection_free(void *data)
{
    Connection *c = data;

    if (!c)
        return;
    free(c->anchors);
    free(c->certificates);
    closep(&c->key_fd);
    free(c);
}

static void connection_freep(Connection **c)
{
    connection_free(*c);
}

static Connection *connection_new(void)
{
    Connection *c = calloc(1, sizeof(*c));

    if (c)
        c->key_fd = -EBADF;
    return c;
}

static int append_certificate(BIO *bio, X509 *x)
{
    return PEM_write_bio_X509(bio, x) == 1 ? 0 : -ENOMEM;
}

static int take_text(BIO *bio, char **ret)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);

    *ret = strndup(data, (size_t)size);
    return *ret ? 0 : -ENOMEM;
}

/* A pool that isn't there holds nobody. */
static int append_trustpool(BIO *bio)
{
    _cleanup_close_ int fd = open(TRUSTPOOL_FOLDER, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ void *text = NULL;
    size_t size = 0;
    int r = fd < 0 ? -errno : read_file_at(fd, TRUSTPOOL_FILE, TRUSTPOOL_MAX, &text, &size);

    if (r < 0)
        return r == -ENOMEM ? r : 0;
    return BIO_write(bio, text, (int)size) == (int)size ? 0 : -ENOMEM;
}

static int make_anchors(const ServerJob *j, char **ret)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    int r = bio ? append_certificate(bio, j->authority) : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < j->n_others; i++)
        r = append_certificate(bio, j->others[i]);
    if (r >= 0)
        r = append_trustpool(bio);
    return r < 0 ? r : take_text(bio, ret);
}

static int make_certificates(const TlsIdentity *tls, Connection *c, char reason[SERVER_REASON_SIZE])
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    int r;

    r = est_open_channel(&tls->key, &c->key_fd, reason);
    if (r < 0)
        return r;
    r = bio ? append_certificate(bio, tls->certificate) : -ENOMEM;
    for (size_t i = 0; r >= 0 && i < tls->n_chain; i++)
        r = append_certificate(bio, tls->chain[i]);
    return r < 0 ? r : take_text(bio, &c->certificates);
}

static int begin(Job *job, ServerJob *j)
{
    Connection *c = connection_new();
    int r;

    if (!c)
        return -ENOMEM;
    j->private = c;
    r = tls_identity_check(&j->tls, j->now, j->reason);
    if (r > 0)
        r = make_certificates(&j->tls, c, j->reason);
    return r < 0 ? r : make_anchors(j, &c->anchors);
}

/* Where the user name and the password come from. */
static const char *advice_of(const ServerJob *j, Connection *c)
{
    bool renewal = j->renew || (j->n_asks > 0 && j->asks[0].request && j->asks[0].request->renewal);

    if (j->profile.user)
        return "see its authentication-profile";
    if (renewal)
        return "configure 're-enrollment authentication-profile'";
    (void)snprintf(c->advice, sizeof(c->advice), "crypto ca enroll %s", j->trustpoint);
    return c->advice;
}

static EstServer server_of(Job *job, const ServerJob *j)
{
    Connection *c = j->private;

    return (EstServer){.url = j->url,
                       .anchors = c->anchors,
                       .user = j->identity,
                       .password = j->secret,
                       .advice = advice_of(j, c),
                       .certificates = c->certificates,
                       .key = &j->tls.key,
                       .key_fd = &c->key_fd,
                       .route = &j->route,
                       .judge = server_judge,
                       .judge_data = j->trustpoint,
                       .cancel_fd = job_cancel_fd(job)};
}

/* Most servers show their certificates to everybody: what would be shown to the others, and can't,
 * is told when it was needed. */
static int add_lack(int r, const char *lack, char reason[SERVER_REASON_SIZE])
{
    size_t n = strlen(reason);

    if (r == -EHOSTUNREACH && lack[0])
        (void)snprintf(reason + n, SERVER_REASON_SIZE - n, "; %.200s", lack);
    return r;
}

/* RFC 7030 section 4.1.1: of a server that nobody has vouched for yet nothing but these is asked,
 * and they are believed only when somebody has compared the fingerprint. */
static int get_authorities(const ServerAddress *address, ReceivedList *ret,
                           char reason[SERVER_REASON_SIZE])
{
    _cleanup_(connection_freep) Connection *c = connection_new();
    char lack[SERVER_REASON_SIZE] = "";
    EstServer server;
    int r;

    if (!c)
        return -ENOMEM;
    if (tls_identity_check(address->tls, address->now, lack) > 0) {
        r = make_certificates(address->tls, c, reason);
        if (r < 0)
            return r;
    }
    server = (EstServer){.url = address->url,
                         .certificates = c->certificates,
                         .key = &address->tls->key,
                         .key_fd = &c->key_fd,
                         .route = address->route,
                         .cancel_fd = address->cancel_fd};
    return add_lack(est_get_authorities(&server, ret, reason), lack, reason);
}

static int key_bits(Job *job, const ServerJob *j, const KeyName *name, uint64_t *ret)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    int r = enrollment_load_key(job, j->manager, name, "certificate-request", &key);

    if (r >= 0)
        *ret = (uint64_t)EVP_PKEY_get_bits(key);
    return r;
}

/* What the configuration says goes before what the server wishes. */
static void drop_key_usage(EstAttributes *attributes)
{
    int at = X509v3_get_ext_by_NID(attributes->extensions, NID_key_usage, -1);

    if (at >= 0)
        X509_EXTENSION_free(X509v3_delete_ext(attributes->extensions, at));
}

static int fill_template(const ServerJob *j, const KeyName *name, uint64_t bits,
                         EstAttributes *attributes, X509_NAME **ret_subject,
                         char reason[EST_TEMPLATE_REASON_SIZE])
{
    return est_template_fill(attributes->template,
                             &(EstOwn){.algorithm = name->algorithm,
                                       .bits = bits,
                                       .subject = j->subject,
                                       .alternative_names = j->alternative_names,
                                       .key_usage = j->key_usages[name->pair]},
                             ret_subject, &attributes->extensions, reason);
}

/* RFC 7030 section 4.2.2: what renews a certificate asks for its names, also for those that the CA
 * has added. When others are configured by now, those are what is wanted. */
static int keep_names(const ServerJob *j, EstAttributes *attributes)
{
    int at = X509_get_ext_by_NID(j->renewed, NID_subject_alt_name, -1);

    if (!alternative_names_are_in(j->alternative_names, j->renewed) ||
        X509v3_get_ext_by_NID(attributes->extensions, NID_subject_alt_name, -1) >= 0)
        return 0;
    return X509v3_add_ext(&attributes->extensions, X509_get_ext(j->renewed, at), -1) ? 0 : -ENOMEM;
}

/* With which key and which digest, and what has to be in it. */
static int look_at_wishes(const ServerJob *j, const KeyName *name, uint64_t bits,
                          EstAttributes *attributes, ServerWishes *wishes, X509_NAME **ret_subject,
                          char reason[SERVER_REASON_SIZE])
{
    char text[EST_TEMPLATE_REASON_SIZE] = "";
    const char *why = text;
    int r =
        est_attributes_check(attributes, name->algorithm, bits, j->digest, &wishes->digest, &why);

    if (r >= 0 && attributes->template)
        r = fill_template(j, name, bits, attributes, ret_subject, text);
    else if (r >= 0 && j->key_usages[name->pair] != 0)
        drop_key_usage(attributes);
    if (r == -EOPNOTSUPP)
        (void)snprintf(reason, SERVER_REASON_SIZE, "%.200s cannot be served: %s", j->url, why);
    if (r >= 0 && j->renew)
        r = keep_names(j, attributes);
    wishes->extensions = attributes->extensions;
    wishes->subject = *ret_subject;
    return r;
}

static int make_request(Job *job, ServerJob *j, const KeyName *name, EstAttributes *attributes,
                        ServerAsk *ask)
{
    _cleanup_(X509_NAME_freep) X509_NAME *subject = NULL;
    ServerWishes wishes = {.digest = NULL};
    uint64_t bits;
    int r;

    r = key_bits(job, j, name, &bits);
    if (r < 0)
        return r;
    r = look_at_wishes(j, name, bits, attributes, &wishes, &subject, ask->reason);
    return r < 0 ? r : server_make_request(job, j, METHOD_EST, name, &wishes, &ask->request);
}

static int prepare(Job *job, ServerJob *j, const KeyName *name, ServerAsk *ask)
{
    const EstServer server = server_of(job, j);
    EstAttributes attributes;
    int r = est_get_attributes(&server, &attributes, ask->reason);

    if (r < 0)
        return r;
    r = make_request(job, j, name, &attributes, ask);
    est_attributes_done(&attributes);
    return r;
}

/* RFC 7030 section 4.2.3: asking again is to send the same once more. */
static int send_request(Job *job, ServerJob *j, ServerAsk *ask)
{
    const EstServer server = server_of(job, j);
    const Request *request = ask->request;

    return est_enroll(&server, request->renewal, request->der, request->size, &ask->result,
                      &ask->pause, &ask->certificates, ask->reason);
}

/* RFC 4210 section 4.4: "new with old". */
static bool is_vouched_for(X509 *x, X509 *authority)
{
    bool good = X509_get_extension_flags(x) & EXFLAG_CA &&
                X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(authority)) == 0 &&
                X509_NAME_cmp(X509_get_subject_name(x), X509_get_subject_name(authority)) == 0 &&
                EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(authority)) != 1 &&
                X509_verify(x, X509_get0_pubkey(authority)) == 1;

    ERR_clear_error();
    return good;
}

/* The one with that key that vouches for itself; else the voucher. */
static size_t find_root(const ReceivedList *list, size_t voucher)
{
    const EVP_PKEY *key = X509_get0_pubkey(list->items[voucher].x509);

    for (size_t i = 0; i < list->n; i++) {
        X509 *x = list->items[i].x509;

        if (EVP_PKEY_eq(X509_get0_pubkey(x), key) == 1 &&
            X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(x)) == 0 &&
            X509_verify(x, X509_get0_pubkey(x)) == 1)
            return i;
        ERR_clear_error();
    }
    return voucher;
}

/* RFC 7030 section 4.1.3: what the CA is going to be is among what it is, with a certificate by the
 * key that it has now. Without that it is nobody's word, whoever has served it. */
static int get_next_authorities(Job *job, ServerJob *j, ReceivedList *ret)
{
    const EstServer server = server_of(job, j);
    _cleanup_(received_done) ReceivedList list = {.n = 0};
    const char *why;
    int r = est_get_authorities(&server, &list, j->reason);

    if (r < 0)
        return r;
    for (size_t i = 0; i < list.n; i++)
        if (is_vouched_for(list.items[i].x509, j->authority)) {
            const Received *found = &list.items[find_root(&list, i)];

            *ret = (ReceivedList){.n = 0};
            return received_add(ret, found->der, found->size, &why);
        }
    return -ENODATA;
}

const ServerMethod method_est = {
    .shows_certificate = true,
    .get_authorities = get_authorities,
    .begin = begin,
    .prepare = prepare,
    .send = send_request,
    .poll = send_request,
    .get_next_authorities = get_next_authorities,
    .free_private = connection_free,
};
