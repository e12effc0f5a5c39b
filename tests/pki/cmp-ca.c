/* SPDX-License-Identifier: Apache-2.0 */
/* A CMP server (RFC 4210 over HTTP) for tests, which makes the certificates that it is asked for;
 * OpenSSL's own has only one to hand out.
 *
 *     cmp-ca FOLDER REFERENCE
 *
 * has its certificate and key in FOLDER/root.pem and FOLDER/root.key, and the secret of that
 * reference in FOLDER/secret; prints its port, and does at each request what FOLDER/mode says:
 * "grant", "old" (a certificate that began long ago), "refuse", or what to get wrong: "echo" (the
 * last certificate once more), "other-key", "makes-a-ca", "revoked" (the certificate 7E57, which
 * somebody has put on a list), "pending" (until it says something else). It waits while
 * FOLDER/hold names where it is ("received ir", "answered certConf", ...), and says where in
 * FOLDER/held; what is held is as if it had never come when FOLDER/forget is there. FOLDER/log has
 * the requests, and what the client has said of the certificates. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/cmp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "der.h"

#define MESSAGE_MAX (64U << 10)
#define DAY 86400L
#define REVOKED 0x7e57

/* RFC 4210 section 5.1.2 */
enum { BODY_IR = 0, BODY_KUR = 7, BODY_CERTCONF = 24, BODY_POLLREQ = 25 };

static const char *folder, *reference;
static X509 *root, *issued;
static EVP_PKEY *root_key;
static OSSL_CMP_SRV_CTX *server;
static OSSL_CMP_MSG *waiting; /* a request that has not been decided about */

static FILE *open_file(const char *name, const char *mode)
{
    char path[256];
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, mode);
    if (!f && strcmp(mode, "r") == 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return f;
}

static void read_text(const char *name, char *text, size_t size)
{
    FILE *f = open_file(name, "r");

    text[fread(text, 1, size - 1, f)] = '\0';
    text[strcspn(text, "\n")] = '\0';
    (void)fclose(f);
}

static void log_line(const char *first, const char *second)
{
    FILE *f = open_file("log", "a");

    if (!f)
        exit(EXIT_FAILURE);
    (void)fprintf(f, "%s %s\n", first, second);
    (void)fclose(f);
}

static int is_there(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static int is_held(const char *where, const char *what)
{
    char text[64], here[64];

    if (!is_there("hold"))
        return 0;
    read_text("hold", text, sizeof(text));
    (void)snprintf(here, sizeof(here), "%s %s", where, what);
    return strcmp(text, here) == 0;
}

/* 0: it goes on; -1: it has never been. */
static int hold(const char *where, const char *what)
{
    char path[256];
    int forget, held = 0;

    (void)snprintf(path, sizeof(path), "%s/held", folder);
    while (is_held(where, what)) {
        FILE *f = held ? NULL : open_file("held", "w");

        if (f) {
            (void)fprintf(f, "%s %s", where, what);
            (void)fclose(f);
        }
        held = 1;
        (void)usleep(20000);
    }
    forget = held && is_there("forget");
    if (held)
        (void)unlink(path);
    return forget ? -1 : 0;
}

/* --- Certificates ----------------------------------------------------------------------------- */

/* OpenSSL 3.0 has no accessor for the key of a template: it is the field [6]. */
static EVP_PKEY *key_of(const OSSL_CRMF_MSG *request)
{
    DerSpan message, inner, template, element, content;
    unsigned char *der = NULL, *copy;
    int size = i2d_OSSL_CRMF_MSG(request, &der);
    EVP_PKEY *key = NULL;
    const unsigned char *p;
    uint8_t tag = 0;

    if (size <= 0 || der_read_only((DerSpan){der, (size_t)size}, DER_SEQUENCE, &message) < 0 ||
        der_read(&message, DER_SEQUENCE, &inner) < 0 || der_read(&inner, DER_INTEGER, NULL) < 0 ||
        der_read(&inner, DER_SEQUENCE, &template) < 0)
        return NULL;
    while (tag != DER_CONTEXT_CONSTRUCTED(6))
        if (der_read_any(&template, &tag, &element, &content) < 0)
            return NULL;
    copy = malloc(element.size);
    if (!copy)
        return NULL;
    memcpy(copy, element.data, element.size);
    copy[0] = DER_SEQUENCE;
    p = copy;
    key = d2i_PUBKEY(NULL, &p, (long)element.size);
    free(copy);
    OPENSSL_free(der);
    return key;
}

static void add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, root, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    (void)X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *issue(const OSSL_CRMF_MSG *request, const char *mode)
{
    const OSSL_CRMF_CERTTEMPLATE *template = OSSL_CRMF_MSG_get0_tmpl(request);
    EVP_PKEY *key = strcmp(mode, "other-key") == 0 ? EVP_EC_gen("P-256") : key_of(request);
    long begins = strcmp(mode, "old") == 0 ? -30 * DAY : -DAY;
    X509 *x = X509_new();
    uint64_t serial = 0;

    (void)RAND_bytes((unsigned char *)&serial, sizeof(serial) - 1);
    if (strcmp(mode, "revoked") == 0)
        serial = REVOKED;
    if (!key || !x || X509_set_version(x, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial) != 1 ||
        X509_set_subject_name(x, OSSL_CRMF_CERTTEMPLATE_get0_subject(template)) != 1 ||
        X509_set_issuer_name(x, X509_get_subject_name(root)) != 1 || X509_set_pubkey(x, key) != 1 ||
        !X509_gmtime_adj(X509_getm_notBefore(x), begins) ||
        !X509_gmtime_adj(X509_getm_notAfter(x), 90 * DAY))
        return NULL;
    add_extension(x, NID_basic_constraints,
                  strcmp(mode, "makes-a-ca") == 0 ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(x, NID_key_usage, "critical,digitalSignature");
    EVP_PKEY_free(key);
    return X509_sign(x, root_key, EVP_sha256()) > 0 ? x : NULL;
}

static OSSL_CMP_PKISI *on_request(OSSL_CMP_SRV_CTX *context, const OSSL_CMP_MSG *message, int id,
                                  const OSSL_CRMF_MSG *request, const X509_REQ *pkcs10, X509 **ret,
                                  STACK_OF(X509) * *ret_chain, STACK_OF(X509) * *ret_authorities)
{
    char mode[64];

    read_text("mode", mode, sizeof(mode));
    if (strcmp(mode, "refuse") == 0)
        return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_rejection,
                                       1 << OSSL_CMP_PKIFAILUREINFO_badCertTemplate, "not today");
    if (strcmp(mode, "pending") == 0) {
        OSSL_CMP_MSG_free(waiting);
        waiting = OSSL_CMP_MSG_dup(message);
        return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_waiting, 0, NULL);
    }
    if (strcmp(mode, "echo") != 0 || !issued) {
        X509_free(issued);
        issued = issue(request, mode);
    }
    if (!issued || X509_up_ref(issued) != 1)
        return NULL;
    *ret = issued;
    return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_accepted, 0, NULL);
}

static int on_confirmation(OSSL_CMP_SRV_CTX *context, const OSSL_CMP_MSG *message, int id,
                           const ASN1_OCTET_STRING *hash, const OSSL_CMP_PKISI *status)
{
    char text[256] = "PKIStatus: accepted";

    if (status)
        (void)OSSL_CMP_snprint_PKIStatusInfo(status, text, sizeof(text));
    log_line("certConf", text);
    return 1;
}

static int on_poll(OSSL_CMP_SRV_CTX *context, const OSSL_CMP_MSG *poll, int id, OSSL_CMP_MSG **ret,
                   int64_t *ret_after)
{
    char mode[64];

    read_text("mode", mode, sizeof(mode));
    *ret = NULL;
    *ret_after = 60;
    if (!waiting)
        return 0;
    if (strcmp(mode, "pending") != 0) {
        *ret = waiting;
        waiting = NULL;
    }
    return 1;
}

/* --- Transactions ----------------------------------------------------------------------------- */

/* A first request comes under the secret, the others are signed; the answer is like the request. */
static OSSL_CMP_SRV_CTX *transaction_new(int type)
{
    OSSL_CMP_SRV_CTX *s = OSSL_CMP_SRV_CTX_new(NULL, NULL);
    OSSL_CMP_CTX *cmp = s ? OSSL_CMP_SRV_CTX_get0_cmp_ctx(s) : NULL;
    X509_STORE *store = X509_STORE_new();
    char secret[128];
    int ok;

    read_text("secret", secret, sizeof(secret));
    ok =
        s && store && X509_STORE_add_cert(store, root) == 1 &&
        OSSL_CMP_CTX_set0_trustedStore(cmp, store) == 1 &&
        OSSL_CMP_SRV_CTX_init(s, NULL, on_request, NULL, NULL, NULL, on_confirmation, on_poll) == 1;
    if (ok && type == BODY_IR)
        ok = OSSL_CMP_CTX_set1_referenceValue(cmp, (const unsigned char *)reference,
                                              (int)strlen(reference)) == 1 &&
             OSSL_CMP_CTX_set1_secretValue(cmp, (const unsigned char *)secret,
                                           (int)strlen(secret)) == 1;
    else if (ok)
        ok = OSSL_CMP_CTX_set1_cert(cmp, root) == 1 && OSSL_CMP_CTX_set1_pkey(cmp, root_key) == 1;
    return ok ? s : NULL;
}

static const char *name_of(int type)
{
    static const char *const names[] = {"ir",    "ip",      "cr",      "cp",
                                        "p10cr", "popdecc", "popdecr", "kur"};

    return type == BODY_CERTCONF  ? "certConf"
           : type == BODY_POLLREQ ? "pollReq"
           : type <= BODY_KUR     ? names[type]
                                  : "other";
}

static int answer(const unsigned char *data, size_t size, unsigned char **ret)
{
    const unsigned char *p = data;
    OSSL_CMP_MSG *request = d2i_OSSL_CMP_MSG(NULL, &p, (long)size), *reply;
    int type = request ? OSSL_CMP_MSG_get_bodytype(request) : -1, n;

    if (type < 0 || hold("received", name_of(type)) < 0)
        return -1;
    if (type <= BODY_KUR || type == BODY_POLLREQ)
        log_line(name_of(type), "");
    if (type <= BODY_KUR) {
        OSSL_CMP_SRV_CTX_free(server);
        server = transaction_new(type);
    }
    reply = server ? OSSL_CMP_SRV_process_request(server, request) : NULL;
    n = reply ? i2d_OSSL_CMP_MSG(reply, ret) : -1;
    OSSL_CMP_MSG_free(reply);
    OSSL_CMP_MSG_free(request);
    (void)hold("answered", name_of(type));
    return n;
}

/* --- HTTP ------------------------------------------------------------------------------------- */

/* The body of a POST; its size, or -1. */
static ssize_t read_body(int fd, char *buffer, char **ret_body)
{
    size_t n = 0, size = 0;
    char *end = NULL, *length;
    ssize_t got = 1;

    while (got > 0 && n < MESSAGE_MAX && (!end || n < (size_t)(end - buffer) + size)) {
        got = read(fd, buffer + n, MESSAGE_MAX - n);
        n += got > 0 ? (size_t)got : 0;
        buffer[n] = '\0';
        if (end || !(end = strstr(buffer, "\r\n\r\n")))
            continue;
        end += 4;
        length = strcasestr(buffer, "\ncontent-length:");
        size = length ? strtoul(length + strlen("\ncontent-length:"), NULL, 10) : 0;
    }
    *ret_body = end;
    return end && n >= (size_t)(end - buffer) + size ? (ssize_t)size : -1;
}

static void serve(int fd)
{
    static char buffer[MESSAGE_MAX + 1];
    unsigned char *reply = NULL;
    char *body;
    ssize_t size = read_body(fd, buffer, &body);
    int n = size > 0 ? answer((const unsigned char *)body, (size_t)size, &reply) : -1;

    (void)dprintf(fd,
                  "HTTP/1.1 %s\r\nContent-Type: application/pkixcmp\r\nContent-Length: %d\r\n"
                  "Connection: close\r\n\r\n",
                  n > 0 ? "200 OK" : "500 Wrong", n > 0 ? n : 0);
    for (int at = 0; at < n;) {
        ssize_t wrote = write(fd, reply + at, (size_t)(n - at));

        if (wrote <= 0)
            break;
        at += (int)wrote;
    }
    OPENSSL_free(reply);
    (void)close(fd);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FILE *f;

    if (argc != 3)
        return EXIT_FAILURE;
    /* Whoever asked may be gone. */
    (void)signal(SIGPIPE, SIG_IGN);
    folder = argv[1];
    reference = argv[2];
    f = open_file("root.pem", "r");
    root = PEM_read_X509(f, NULL, NULL, NULL);
    (void)fclose(f);
    f = open_file("root.key", "r");
    root_key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    (void)fclose(f);
    if (!root || !root_key || fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
        listen(fd, 8) < 0 || getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        perror("cmp-ca");
        return EXIT_FAILURE;
    }
    printf("%d\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    for (;;) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        if (client >= 0)
            serve(client);
        else if (errno != EINTR)
            return EXIT_FAILURE;
    }
}
