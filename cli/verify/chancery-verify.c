/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-verify: checks signed envelopes offline, for whoever collects them. */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <time.h>

#include "atomic-file.h"
#include "openssl-util.h"
#include "verify.h"
#include "x509-render.h"

#define PEM_SIZE_MAX (1024U * 1024)
#define CHAIN_FILE_MAX 64

typedef struct Options {
    const char *root, *nonce, *chain, *payload, *envelope;
    int64_t max_age, at;
    bool json;
} Options;

static int usage(FILE *f)
{
    (void)fprintf(
        f,
        "chancery-verify --root ROOT.pem [OPTIONS] ENVELOPE|-\n\n"
        "Checks a signed envelope against the root certificate of the router.\n\n"
        "  --root FILE        the root certificate, PEM\n"
        "  --nonce NONCE      the nonce that was asked for\n"
        "  --max-age SECONDS  refuse what was signed longer ago\n"
        "  --at TIME          verify as of then: seconds since the epoch, or 2026-11-21T12:00:00Z\n"
        "  --chain FILE       certificates for an envelope without them, PEM\n"
        "  --payload FILE     write the payload there when the verdict is good\n"
        "  --json             the verdict as JSON\n"
        "  --help, --version\n\n"
        "Exit status: 0 good, 1 usage, 2 malformed, 3 bad signature, 4 untrusted, 5 nonce,\n"
        "6 expired, 7 stale, 8 valid when signed, 9 bad payload. See chancery-verify(1).\n");
    return f == stdout ? VERDICT_GOOD : VERDICT_USAGE;
}

static int parse_number(const char *text, int64_t *ret)
{
    char *end;
    long long value;

    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || *end)
        return -EINVAL;
    *ret = value;
    return 0;
}

static int parse_time(const char *text, int64_t *ret)
{
    struct tm tm = {.tm_isdst = 0};
    const char *end;

    if (parse_number(text, ret) >= 0)
        return 0;
    end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!end || *end)
        return -EINVAL;
    *ret = (int64_t)timegm(&tm);
    return 0;
}

/* Everything up to max; "-" is standard input. */
static int read_all(const char *path, uint64_t max, char **ret_data, size_t *ret_size)
{
    _cleanup_close_ int opened = streq(path, "-") ? -EBADF : open(path, O_RDONLY | O_CLOEXEC);
    int fd = streq(path, "-") ? STDIN_FILENO : opened;
    _cleanup_free_ char *data = NULL;
    size_t size = 0, room = 65536;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= max)
        room = (size_t)st.st_size + 1;
    for (;;) {
        char *larger = realloc(data, room);
        ssize_t n;

        if (!larger)
            return -ENOMEM;
        data = larger;
        n = read_full(fd, data + size, room - size);
        if (n < 0)
            return (int)n;
        size += (size_t)n;
        if (size > max)
            return -EFBIG;
        if (size < room)
            break;
        room *= 2;
    }
    *ret_data = TAKE_PTR(data);
    *ret_size = size;
    return 0;
}

/* All certificates of a PEM file, and nothing else in it but text between them. */
static int read_certificates(const char *path, STACK_OF(X509) * *ret)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_(BIO_free_allp) BIO *bio = NULL;
    _cleanup_(x509_stack_freep) STACK_OF(X509) *stack = sk_X509_new_null();
    size_t size;
    int r;

    r = read_all(path, PEM_SIZE_MAX, &text, &size);
    if (r < 0)
        return r;
    bio = BIO_new_mem_buf(text, (int)size);
    if (!bio || !stack)
        return -ENOMEM;
    for (;;) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (!certificate)
            break;
        if (sk_X509_num(stack) == CHAIN_FILE_MAX || sk_X509_push(stack, certificate) <= 0) {
            X509_free(certificate);
            return -E2BIG;
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || sk_X509_num(stack) == 0)
        return -EBADMSG;
    ERR_clear_error();
    *ret = TAKE_PTR(stack);
    return 0;
}

static int parse_arguments(int argc, char *argv[], Options *ret)
{
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},    {"nonce", required_argument, NULL, 'n'},
        {"max-age", required_argument, NULL, 'm'}, {"at", required_argument, NULL, 'a'},
        {"chain", required_argument, NULL, 'c'},   {"payload", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},          {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
    };
    Options o = {.max_age = -1, .at = (int64_t)time(NULL)};
    int c, r = 0;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0 && r >= 0)
        switch (c) {
        case 'r':
            o.root = optarg;
            break;
        case 'n':
            o.nonce = optarg;
            break;
        case 'm':
            r = parse_number(optarg, &o.max_age);
            break;
        case 'a':
            r = parse_time(optarg, &o.at);
            break;
        case 'c':
            o.chain = optarg;
            break;
        case 'p':
            o.payload = optarg;
            break;
        case 'j':
            o.json = true;
            break;
        case 'h':
            exit(usage(stdout));
        case 'V':
            (void)printf("chancery-verify %s\n", VERSION);
            exit(VERDICT_GOOD);
        default:
            return -EINVAL;
        }
    if (r < 0 || !o.root || optind != argc - 1 || (o.nonce && !*o.nonce))
        return -EINVAL;
    o.envelope = argv[optind];
    *ret = o;
    return 0;
}

static int fail(const char *what, int error)
{
    (void)fprintf(stderr, "chancery-verify: %s: %s\n", what,
                  error == -EBADMSG ? "Not what it should be" : strerror(-error));
    return VERDICT_USAGE;
}

static int write_payload(const char *path, const VerifyResult *result)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int r;

    if (fd < 0)
        return -errno;
    r = write_full(fd, result->payload, result->payload_size);
    if (r >= 0 && close(TAKE_FD(fd)) < 0)
        r = -errno;
    return r;
}

static int verify(const Options *o, const VerifyRequest *request)
{
    _cleanup_free_ char *input = NULL;
    _cleanup_(verify_result_done) VerifyResult result = {.verdict = VERDICT_USAGE};
    size_t size;
    int r;

    r = read_all(o->envelope, ENVELOPE_SIZE_MAX, &input, &size);
    if (r < 0)
        return fail(o->envelope, r);
    r = verify_envelope(request, input, size, &result);
    if (r < 0)
        return fail(o->envelope, r);
    if (o->payload && result.verdict == VERDICT_GOOD) {
        r = write_payload(o->payload, &result);
        if (r < 0)
            return fail(o->payload, r);
    }
    if (o->json) {
        r = report_json(STDOUT_FILENO, request, &result);
        if (r >= 0)
            r = write_full(STDOUT_FILENO, "\n", 1);
        if (r < 0)
            return fail("standard output", r);
    } else {
        report_text(stdout, request, &result);
        if (fflush(stdout) != 0)
            return fail("standard output", -errno);
    }
    return (int)result.verdict;
}

int main(int argc, char *argv[])
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *roots = NULL, *chain = NULL;
    VerifyRequest request;
    Options o;
    int r;

    if (parse_arguments(argc, argv, &o) < 0)
        return usage(stderr);
    r = read_certificates(o.root, &roots);
    if (r < 0)
        return fail(o.root, r);
    if (sk_X509_num(roots) != 1) {
        (void)fprintf(
            stderr, "chancery-verify: %s: There has to be exactly one certificate in it\n", o.root);
        return VERDICT_USAGE;
    }
    if (o.chain) {
        r = read_certificates(o.chain, &chain);
        if (r < 0)
            return fail(o.chain, r);
    }
    request = (VerifyRequest){
        .root = sk_X509_value(roots, 0),
        .chain = chain,
        .nonce = o.nonce,
        .max_age = o.max_age,
        .at = o.at,
    };
    return verify(&o, &request);
}
