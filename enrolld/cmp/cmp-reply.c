/* SPDX-License-Identifier: Apache-2.0 */
/* What a CMP server answers, field by field: OpenSSL's client looks at some of them, and says of
 * others no more than that there is an error. */
#include <strings.h>

#include "cmp-message.h"
#include "openssl-util.h"
#include "signature-digest.h"
#include "x509-render.h"

#define MESSAGE_TYPE "application/pkixcmp"
#define DEPTH_MAX 32U
#define NONCE_MIN 16U /* RFC 9483 section 3.1: 128 bits */
/* Only that a clock is set: what is replayed has another nonce. */
#define CLOCKS_MAX INT64_C(86400)
/* OpenSSL's limits, told from each other. */
#define ITERATIONS_MIN 100U
#define ITERATIONS_MAX 100000U

/* RFC 4210 section 5.1.2 */
enum { IR = 0, IP = 1, CR = 2, CP = 3, KUR = 7, KUP = 8 };
enum { PKICONF = 19, ERROR = 23, CERTCONF = 24, POLLREQ = 25, POLLREP = 26 };

/* RFC 4210 section 5.1.1: the explicit tags of a header. */
enum {
    MESSAGE_TIME,
    PROTECTION_ALG,
    SENDER_KID,
    RECIP_KID,
    TRANSACTION_ID,
    SENDER_NONCE,
    RECIP_NONCE,
    FREE_TEXT,
    GENERAL_INFO,
    _FIELDS
};

/* RFC 4210 section 5.2.3 */
enum { ACCEPTED, GRANTED_WITH_MODS, REJECTION, WAITING, REVOCATION_WARNING, REVOCATION_NOTICE };

typedef struct Message {
    DerSpan sender, recipient; /* with their tags */
    DerSpan fields[_FIELDS];   /* without data: not there */
    unsigned type;             /* of the body */
    DerSpan body;
} Message;

#define PKCS1 "\x2a\x86\x48\x86\xf7\x0d\x01\x01"
static const char oid_pbm[] = "\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d";

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

static bool is_one_of(DerSpan oid, const char *const *oids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (der_is(oid, oids[i]))
            return true;
    return false;
}

/* --- The message ------------------------------------------------------------------------------ */

static int read_header(DerSpan header, Message *m, const char **ret_reason)
{
    uint64_t version;
    uint8_t tag;

    if (der_read_uint64(&header, &version) < 0 || version < 2 || version > 3)
        return refuse(-EBADMSG, ret_reason, "it is not of CMP version 2 or 3");
    if (der_read_any(&header, &tag, &m->sender, NULL) < 0 ||
        der_read_any(&header, &tag, &m->recipient, NULL) < 0)
        return refuse(-EBADMSG, ret_reason, "its header is malformed");
    for (unsigned i = 0; i < _FIELDS; i++)
        if (der_read_optional(&header, (uint8_t)DER_CONTEXT_CONSTRUCTED(i), &m->fields[i]) < 0)
            return refuse(-EBADMSG, ret_reason, "its header is malformed");
    return der_end(&header) < 0 ? refuse(-EBADMSG, ret_reason, "its header is malformed") : 0;
}

static int read_message(DerSpan input, Message *ret, const char **ret_reason)
{
    DerSpan message, header;
    uint8_t tag;
    int r;

    *ret = (Message){.type = 0};
    if (der_check(input, DEPTH_MAX) < 0 || der_read_only(input, DER_SEQUENCE, &message) < 0 ||
        der_read(&message, DER_SEQUENCE, &header) < 0)
        return refuse(-EBADMSG, ret_reason, "it is no CMP message");
    r = read_header(header, ret, ret_reason);
    if (r < 0)
        return r;
    if (der_read_any(&message, &tag, NULL, &ret->body) < 0 || tag < DER_CONTEXT_CONSTRUCTED(0) ||
        tag > DER_CONTEXT_CONSTRUCTED(POLLREP))
        return refuse(-EBADMSG, ret_reason, "it is no CMP message");
    ret->type = tag - DER_CONTEXT_CONSTRUCTED(0);
    return 0;
}

/* The OCTET STRING that is a field; without data when it is not there, or is none. */
static DerSpan octets(const Message *m, unsigned field)
{
    DerSpan value = {NULL, 0};

    if (m->fields[field].data && der_read_only(m->fields[field], DER_OCTET_STRING, &value) < 0)
        return (DerSpan){NULL, 0};
    return value;
}

static bool is_same(DerSpan a, DerSpan b)
{
    return a.data && b.data && der_equal(a, b.data, b.size);
}

/* --- Protection ------------------------------------------------------------------------------- */

/* Signatures with SHA-256 or better. */
static bool is_signature(DerSpan oid)
{
    static const char *const oids[] = {
        PKCS1 "\x0b",                       /* sha256WithRSAEncryption */
        PKCS1 "\x0c",                       /* sha384WithRSAEncryption */
        PKCS1 "\x0d",                       /* sha512WithRSAEncryption */
        "\x2a\x86\x48\xce\x3d\x04\x03\x02", /* ecdsa-with-SHA256 */
        "\x2a\x86\x48\xce\x3d\x04\x03\x03", /* ecdsa-with-SHA384 */
        "\x2a\x86\x48\xce\x3d\x04\x03\x04", /* ecdsa-with-SHA512 */
        "\x2b\x65\x70",                     /* Ed25519 */
        PKCS1 "\x0a",                       /* RSASSA-PSS */
    };

    return is_one_of(oid, oids, ELEMENTSOF(oids));
}

static bool is_made_of_a_strong_digest(DerSpan identifier)
{
    const unsigned char *p = identifier.data;
    X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &p, (long)identifier.size);
    bool strong = algorithm && signature_digest_is_strong(algorithm);

    X509_ALGOR_free(algorithm);
    return strong;
}

/* MD5 never; SHA-1 as it is used here, many times over and with a key, is what RFC 4210 asks for.
 */
static bool is_one_way(DerSpan oid)
{
    static const char *const oids[] = {
        "\x2b\x0e\x03\x02\x1a", "\x60\x86\x48\x01\x65\x03\x04\x02\x01",
        "\x60\x86\x48\x01\x65\x03\x04\x02\x02", "\x60\x86\x48\x01\x65\x03\x04\x02\x03"};

    return is_one_of(oid, oids, ELEMENTSOF(oids));
}

/* With SHA-1 under both of its names, and with SHA-256 to SHA-512. */
static bool is_mac(DerSpan oid)
{
    static const char *const oids[] = {
        "\x2b\x06\x01\x05\x05\x08\x01\x02", "\x2a\x86\x48\x86\xf7\x0d\x02\x07",
        "\x2a\x86\x48\x86\xf7\x0d\x02\x09", "\x2a\x86\x48\x86\xf7\x0d\x02\x0a",
        "\x2a\x86\x48\x86\xf7\x0d\x02\x0b",
    };

    return is_one_of(oid, oids, ELEMENTSOF(oids));
}

static bool read_algorithm(DerSpan *input, DerSpan *ret_oid)
{
    DerSpan algorithm;

    return der_read(input, DER_SEQUENCE, &algorithm) >= 0 &&
           der_read(&algorithm, DER_OID, ret_oid) >= 0;
}

/* RFC 4210 section 5.1.3.1; what it counts is work for whoever reads it. */
static int check_pbm(DerSpan parameters, const char **ret_reason)
{
    DerSpan pbm, one_way, count, mac;
    uint64_t n;

    if (der_read_only(parameters, DER_SEQUENCE, &pbm) < 0 ||
        der_read(&pbm, DER_OCTET_STRING, NULL) < 0 || !read_algorithm(&pbm, &one_way))
        return refuse(-EBADMSG, ret_reason, "the parameters of its protection are malformed");
    count = pbm;
    if (der_read_uint64(&pbm, &n) < 0) {
        if (der_read(&count, DER_INTEGER, NULL) < 0)
            return refuse(-EBADMSG, ret_reason, "the parameters of its protection are malformed");
        n = 0; /* negative, or larger than anything */
    }
    if (n < ITERATIONS_MIN || n > ITERATIONS_MAX)
        return refuse(-EKEYREJECTED, ret_reason,
                      "the iterations of its protection are not 100 to 100000");
    if (!read_algorithm(&pbm, &mac) || der_end(&pbm) < 0)
        return refuse(-EBADMSG, ret_reason, "the parameters of its protection are malformed");
    return is_one_way(one_way) && is_mac(mac)
               ? 0
               : refuse(-EKEYREJECTED, ret_reason,
                        "it is protected in a way that is not good enough");
}

static bool is_pbm(const Message *m)
{
    DerSpan field = m->fields[PROTECTION_ALG], oid;

    return field.data && read_algorithm(&field, &oid) &&
           der_equal(oid, oid_pbm, sizeof(oid_pbm) - 1);
}

static int check_protection(const Message *m, const char **ret_reason)
{
    DerSpan identifier, oid;

    if (!m->fields[PROTECTION_ALG].data)
        return refuse(-EKEYREJECTED, ret_reason, "it is not protected");
    if (der_read_only(m->fields[PROTECTION_ALG], DER_SEQUENCE, &identifier) < 0 ||
        der_read(&identifier, DER_OID, &oid) < 0)
        return refuse(-EBADMSG, ret_reason, "its header is malformed");
    if (der_equal(oid, oid_pbm, sizeof(oid_pbm) - 1))
        return check_pbm(identifier, ret_reason);
    return is_signature(oid) && is_made_of_a_strong_digest(m->fields[PROTECTION_ALG])
               ? 0
               : refuse(-EKEYREJECTED, ret_reason,
                        "it is protected in a way that is not good enough");
}

/* --- The header ------------------------------------------------------------------------------- */

/* A directoryName; NULL: it is none. */
static X509_NAME *read_name(DerSpan general)
{
    DerSpan name;
    const unsigned char *p;
    X509_NAME *x;

    if (der_read_only(general, DER_CONTEXT_CONSTRUCTED(4), &name) < 0)
        return NULL;
    p = name.data;
    x = d2i_X509_NAME(NULL, &p, (long)name.size);
    ERR_clear_error();
    return x;
}

/* RFC 9483 section 3.1; OpenSSL has asked for it up to some version. */
static bool is_sender(DerSpan sender)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = read_name(sender);

    return name;
}

/* Whoever asked, in whichever string types; or nobody in particular. */
static bool is_recipient(DerSpan recipient, DerSpan sender)
{
    _cleanup_(X509_NAME_freep) X509_NAME *to = read_name(recipient), *from = read_name(sender);

    return to && (X509_NAME_entry_count(to) == 0 || (from && X509_NAME_cmp(to, from) == 0));
}

static bool is_recent(DerSpan field, int64_t now)
{
    const unsigned char *p = field.data;
    ASN1_GENERALIZEDTIME *when = d2i_ASN1_GENERALIZEDTIME(NULL, &p, (long)field.size);
    int64_t then = 0;
    bool recent = when && x509_time_read(when, &then) >= 0 && then - now <= CLOCKS_MAX &&
                  now - then <= CLOCKS_MAX;

    ASN1_GENERALIZEDTIME_free(when);
    ERR_clear_error();
    return recent;
}

static int check_identifiers(const Message *asked, const Message *m, const char **ret_reason)
{
    if (m->fields[RECIP_KID].data && octets(asked, SENDER_KID).data &&
        !is_same(octets(m, RECIP_KID), octets(asked, SENDER_KID)))
        return refuse(-EBADMSG, ret_reason, "its recipKID is not the request's senderKID");
    /* Who signs is found by it; under a secret it says which. */
    if (m->fields[SENDER_KID].data && is_pbm(asked) && is_pbm(m) &&
        !is_same(octets(m, SENDER_KID), octets(asked, SENDER_KID)))
        return refuse(-EBADMSG, ret_reason, "its senderKID is not the reference of the secret");
    return 0;
}

/* What a CA says of an error it may say without having read the request. */
static int check_header(const Message *asked, const Message *m, int64_t now,
                        const char **ret_reason)
{
    if (!is_same(octets(m, TRANSACTION_ID), octets(asked, TRANSACTION_ID)))
        return refuse(-EBADMSG, ret_reason, "its transactionID is not the request's");
    if (!is_same(octets(m, RECIP_NONCE), octets(asked, SENDER_NONCE)))
        return refuse(-EBADMSG, ret_reason, "its recipNonce is not the request's senderNonce");
    if (m->type != ERROR && octets(m, SENDER_NONCE).size < NONCE_MIN)
        return refuse(-EBADMSG, ret_reason, "its senderNonce is missing or shorter than 16 bytes");
    if (!is_sender(m->sender))
        return refuse(-EBADMSG, ret_reason, "its sender is no directory name");
    if (!is_recipient(m->recipient, asked->sender))
        return refuse(-EBADMSG, ret_reason, "its recipient is somebody else");
    if (m->fields[MESSAGE_TIME].data && !is_recent(m->fields[MESSAGE_TIME], now))
        return refuse(-EBADMSG, ret_reason,
                      "its messageTime is more than a day off: is the clock right?");
    return check_identifiers(asked, m, ret_reason);
}

/* --- The body --------------------------------------------------------------------------------- */

/* In PKIStatusInfo. */
static int read_status(DerSpan *input, uint64_t *ret, bool *ret_failure, const char **ret_reason)
{
    DerSpan info, failure;
    int r;

    if (der_read(input, DER_SEQUENCE, &info) < 0 || der_read_uint64(&info, ret) < 0 ||
        der_read_optional(&info, DER_SEQUENCE, NULL) < 0)
        return refuse(-EBADMSG, ret_reason, "its PKIStatus cannot be read");
    r = der_read_optional(&info, DER_BIT_STRING, &failure);
    if (r < 0 || der_end(&info) < 0 || (r > 0 && (failure.size == 0 || failure.data[0] > 7)))
        return refuse(-EBADMSG, ret_reason, "its PKIStatus cannot be read");
    *ret_failure = r > 0;
    return 0;
}

static int check_pair(DerSpan pair, const char **ret_reason)
{
    if (der_read_optional(&pair, DER_CONTEXT_CONSTRUCTED(1), NULL) > 0)
        return refuse(-EBADMSG, ret_reason, "the certificate in it is encrypted");
    if (der_read(&pair, DER_CONTEXT_CONSTRUCTED(0), NULL) < 0)
        return refuse(-EBADMSG, ret_reason, "it grants a certificate, and has none");
    return pair.size == 0
               ? 0
               : refuse(-EBADMSG, ret_reason, "it brings a private key, which nobody asked for");
}

static int check_granted(DerSpan response, bool failure, const char **ret_reason)
{
    DerSpan pair;

    if (failure)
        return refuse(-EBADMSG, ret_reason, "it grants a certificate, and says why not");
    if (der_read(&response, DER_SEQUENCE, &pair) < 0)
        return refuse(-EBADMSG, ret_reason, "it grants a certificate, and has none");
    return check_pair(pair, ret_reason);
}

/* CertResponse */
static int check_response(DerSpan response, const char **ret_reason)
{
    uint64_t identifier, status;
    bool failure;
    int r;

    if (der_read_uint64(&response, &identifier) < 0 || identifier != 0)
        return refuse(-EBADMSG, ret_reason, "its certReqId is not the request's");
    r = read_status(&response, &status, &failure, ret_reason);
    if (r < 0)
        return r;
    switch (status) {
    case ACCEPTED:
    case GRANTED_WITH_MODS:
        return check_granted(response, failure, ret_reason);
    case REJECTION:
        return 0;
    case WAITING:
        return response.size == 0
                   ? 0
                   : refuse(-EBADMSG, ret_reason,
                            "it says that nothing is decided, and has a certificate");
    case REVOCATION_WARNING:
    case REVOCATION_NOTICE:
        return refuse(-EBADMSG, ret_reason, "it says that the certificate is being revoked");
    default:
        return refuse(-EBADMSG, ret_reason, "its PKIStatus is none for an answer to this request");
    }
}

/* CertRepMessage */
static int check_certificates(DerSpan body, const char **ret_reason)
{
    DerSpan message, responses, response;

    if (der_read_only(body, DER_SEQUENCE, &message) < 0 ||
        der_read_optional(&message, DER_CONTEXT_CONSTRUCTED(1), NULL) < 0 ||
        der_read(&message, DER_SEQUENCE, &responses) < 0 || der_end(&message) < 0)
        return refuse(-EBADMSG, ret_reason, "its body is malformed");
    if (der_read(&responses, DER_SEQUENCE, &response) < 0 || der_end(&responses) < 0)
        return refuse(-EBADMSG, ret_reason, "it is not about one certificate");
    return check_response(response, ret_reason);
}

/* PollRepContent */
static int check_poll(DerSpan body, const char **ret_reason)
{
    DerSpan list, report;
    uint64_t identifier, after;

    if (der_read_only(body, DER_SEQUENCE, &list) < 0 ||
        der_read(&list, DER_SEQUENCE, &report) < 0 || der_end(&list) < 0)
        return refuse(-EBADMSG, ret_reason, "it is not about one certificate");
    if (der_read_uint64(&report, &identifier) < 0 || identifier != 0)
        return refuse(-EBADMSG, ret_reason, "its certReqId is not the request's");
    if (der_read_uint64(&report, &after) < 0 || after > INT32_MAX)
        return refuse(-EBADMSG, ret_reason, "its checkAfter is no time to wait");
    return 0;
}

static int check_error(DerSpan body, const char **ret_reason)
{
    DerSpan content;
    uint64_t status;
    bool failure;
    int r;

    if (der_read_only(body, DER_SEQUENCE, &content) < 0)
        return refuse(-EBADMSG, ret_reason, "its body is malformed");
    r = read_status(&content, &status, &failure, ret_reason);
    if (r < 0)
        return r;
    return status == REJECTION ? 0
                               : refuse(-EBADMSG, ret_reason,
                                        "it is an error, and its PKIStatus is none of an error");
}

static bool is_answer(unsigned asked, unsigned type)
{
    switch (asked) {
    case IR:
        return type == IP;
    case CR:
        return type == CP;
    case KUR:
        return type == KUP;
    case CERTCONF:
        return type == PKICONF;
    case POLLREQ:
        return type == POLLREP || type == IP || type == CP || type == KUP;
    default:
        return false;
    }
}

static int check_body(const Message *m, const char **ret_reason)
{
    switch (m->type) {
    case ERROR:
        return check_error(m->body, ret_reason);
    case PKICONF:
        return 0;
    case POLLREP:
        return check_poll(m->body, ret_reason);
    default:
        return check_certificates(m->body, ret_reason);
    }
}

int cmp_reply_check(const char *type, DerSpan request, DerSpan reply, int64_t now,
                    const char **ret_reason)
{
    Message asked, m;
    int r;

    if (!type || strncasecmp(type, MESSAGE_TYPE, STRLEN(MESSAGE_TYPE)) != 0)
        return refuse(-EBADMSG, ret_reason, "its content type is not " MESSAGE_TYPE);
    if (reply.size > CMP_REPLY_MAX)
        return refuse(-EMSGSIZE, ret_reason, "it is larger than 256 KiB");
    r = read_message(request, &asked, ret_reason);
    if (r >= 0)
        r = read_message(reply, &m, ret_reason);
    if (r >= 0)
        r = check_protection(&m, ret_reason);
    if (r < 0)
        return r;
    if (m.type != ERROR && !is_answer(asked.type, m.type))
        return refuse(-EBADMSG, ret_reason, "it is no answer of a CA to this request");
    r = check_header(&asked, &m, now, ret_reason);
    return r < 0 ? r : check_body(&m, ret_reason);
}

/* --- What nobody has protected ---------------------------------------------------------------- */

const char *const cmp_failures[CMP_FAILURES] = {
    "badAlg",
    "badMessageCheck",
    "badRequest",
    "badTime",
    "badCertId",
    "badDataFormat",
    "wrongAuthority",
    "incorrectData",
    "missingTimeStamp",
    "badPOP",
    "certRevoked",
    "certConfirmed",
    "wrongIntegrity",
    "badRecipientNonce",
    "timeNotAvailable",
    "unacceptedPolicy",
    "unacceptedExtension",
    "addInfoNotAvailable",
    "badSenderNonce",
    "badCertTemplate",
    "signerNotTrusted",
    "transactionIdInUse",
    "unsupportedVersion",
    "notAuthorized",
    "systemUnavail",
    "systemFailure",
    "duplicateCertReq",
};

/* The PKIStatusInfo of an error, or of a certificate that is refused. */
static int find_status(const Message *m, DerSpan *ret)
{
    DerSpan inside, responses, response;

    if (der_read_only(m->body, DER_SEQUENCE, &inside) < 0)
        return -EBADMSG;
    if (m->type == ERROR)
        return der_read(&inside, DER_SEQUENCE, ret);
    if ((m->type != IP && m->type != CP && m->type != KUP) ||
        der_read_optional(&inside, DER_CONTEXT_CONSTRUCTED(1), NULL) < 0 ||
        der_read(&inside, DER_SEQUENCE, &responses) < 0 ||
        der_read(&responses, DER_SEQUENCE, &response) < 0 ||
        der_read(&response, DER_INTEGER, NULL) < 0)
        return -EBADMSG;
    return der_read(&response, DER_SEQUENCE, ret);
}

/* Apart from what is there already. Returns how long it would be. */
static size_t append(char *text, size_t size, size_t n, const char *apart, const void *words,
                     size_t n_words)
{
    if (n >= size)
        return n;
    return n + (size_t)snprintf(text + n, size - n, "%s%.*s", n > 0 ? apart : "", (int)n_words,
                                (const char *)words);
}

bool cmp_reply_hearsay(DerSpan reply, char *ret, size_t size)
{
    DerSpan info, texts = {NULL, 0}, bits = {NULL, 0}, words;
    const char *why, *apart = ": ";
    uint64_t status;
    Message m;
    size_t n = 0;

    ret[0] = '\0';
    if (read_message(reply, &m, &why) < 0 || m.fields[PROTECTION_ALG].data ||
        find_status(&m, &info) < 0 || der_read_uint64(&info, &status) < 0 || status != REJECTION ||
        der_read_optional(&info, DER_SEQUENCE, &texts) < 0 ||
        der_read_optional(&info, DER_BIT_STRING, &bits) < 0)
        return false;
    for (size_t i = 0; i < CMP_FAILURES && 1 + i / 8 < bits.size; i++)
        if (bits.data[1 + i / 8] & 0x80 >> i % 8)
            n = append(ret, size, n, ", ", cmp_failures[i], strlen(cmp_failures[i]));
    for (; der_read(&texts, DER_UTF8_STRING, &words) >= 0; apart = ", ")
        n = append(ret, size, n, apart, words.data, words.size);
    return n > 0;
}
