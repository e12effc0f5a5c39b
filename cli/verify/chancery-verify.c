/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-verify: checks signed envelopes offline, for whoever collects them. */
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <time.h>

#include "atomic-file.h"
#include "batch.h"
#include "input.h"

#define PAGES_MAX 1024U

typedef struct Options {
    CheckOptions check;
    const char *payload, *reference, *batch;
    const char *pages[PAGES_MAX + 1];
    size_t n_pages;
    char *const *envelopes;
    unsigned jobs;
    unsigned memory; /* MiB */
    bool json;
} Options;

/* What is wrong with the command line. */
static _printf_(1, 2) int misused(const char *format, ...)
{
    char text[CHECK_REASON_SIZE];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    (void)fprintf(stderr, "chancery-verify: %s; see chancery-verify --help\n", text);
    return -EINVAL;
}

static void usage(void)
{
    (void)fputs(
        "chancery-verify --root ROOT.pem [OPTIONS] ENVELOPE|-\n"
        "chancery-verify --root ROOT.pem [OPTIONS] ENVELOPE ENVELOPE...\n"
        "chancery-verify --batch LIST|- [OPTIONS]\n\n"
        "Checks signed envelopes against the root certificates of their routers.\n\n"
        "  --root FILE        the root certificate, PEM\n"
        "  --nonce NONCE      the nonce that was asked for\n"
        "  --max-age SECONDS  refuse what was signed longer ago\n"
        "  --at TIME          verify as of then: seconds since the epoch, or 2026-11-21T12:00:00Z\n"
        "  --chain FILE       certificates for an envelope without them, PEM\n"
        "  --crl FILE         lists of revoked certificates, PEM\n"
        "  --previous FILE    an earlier envelope: say what differs in its dossier\n"
        "  --page FILE        another one with blocks of the filesystem inventory (repeated)\n"
        "  --reference FILE   packages and files as they should be, JSON\n"
        "  --payload FILE     write the payload there when the verdict is good\n"
        "  --batch FILE       one envelope in each line, as a JSON object\n"
        "  --jobs N           so many at a time (default: one for each core)\n"
        "  --memory MIB       for what is compared, of one envelope (default: 2048)\n"
        "  --list-max N       so many differences and deviations are listed (default: 10000)\n"
        "  --json             the verdict as JSON\n"
        "  --help, --version\n\n"
        "Exit status: 0 good, 1 usage, 2 malformed, 3 bad signature, 4 untrusted, 5 nonce,\n"
        "6 expired, 7 stale, 8 valid when signed, 9 bad payload, 10 not collected, 11 revoked,\n"
        "12 revocation unknown, 13 differs, 14 not as reference, 15 not all of several good,\n"
        "16 broken inventory, 17 bad node.\n"
        "See chancery-verify(1).\n",
        stdout);
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

static int parse_jobs(const char *text, unsigned *ret)
{
    int64_t n;

    if (parse_number(text, &n) < 0 || n < 1 || n > BATCH_JOBS_MAX)
        return -EINVAL;
    *ret = (unsigned)n;
    return 0;
}

static int parse_memory(const char *text, unsigned *ret)
{
    int64_t n;

    if (parse_number(text, &n) < 0 || n < 1 || n > MEMORY_MAX_MIB)
        return -EINVAL;
    *ret = (unsigned)n;
    return 0;
}

static int parse_list_max(const char *text, uint64_t *ret)
{
    int64_t n;

    if (parse_number(text, &n) < 0 || n < 1 || n > FINDINGS_MAX)
        return -EINVAL;
    *ret = (uint64_t)n;
    return 0;
}

/* Which options go together. */
static int check_options(const Options *o, int n_envelopes)
{
    if (o->check.nonce && !*o->check.nonce)
        return misused("the nonce is empty");
    if (o->batch && (n_envelopes > 0 || o->payload || o->n_pages > 0))
        return misused("--batch takes envelopes from the list only, and neither --payload nor "
                       "--page");
    if (o->batch)
        return 0;
    if (!o->check.root)
        return misused("--root says which root certificate the envelopes are judged by");
    if (n_envelopes < 1)
        return misused("no envelope is named");
    /* Each answers a question of its own. */
    if (n_envelopes > 1 && (o->payload || o->check.previous || o->n_pages > 0))
        return misused("--payload, --previous and --page are for one envelope");
    if (n_envelopes == 1 && o->jobs > 0)
        return misused("--jobs is for several envelopes");
    return 0;
}

static int parse_option(int c, const char *value, Options *o)
{
    const struct {
        int c;
        const char **value;
    } texts[] = {{'r', &o->check.root}, {'n', &o->check.nonce},    {'c', &o->check.chain},
                 {'C', &o->check.crl},  {'P', &o->check.previous}, {'R', &o->reference},
                 {'p', &o->payload},    {'b', &o->batch}};

    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        if (texts[i].c == c) {
            *texts[i].value = value;
            return 0;
        }
    switch (c) {
    case 'm':
        return parse_number(value, &o->check.max_age) < 0
                   ? misused("--max-age %s: that is no number of seconds", value)
                   : 0;
    case 'a':
        return parse_time(value, &o->check.at) < 0
                   ? misused("--at %s: a time is seconds since the epoch, or like "
                             "2026-11-21T12:00:00Z",
                             value)
                   : 0;
    case 'g':
        if (o->n_pages == PAGES_MAX)
            return misused("there can be %u pages", (unsigned)PAGES_MAX);
        o->pages[o->n_pages++] = value;
        return 0;
    case 'J':
        return parse_jobs(value, &o->jobs) < 0
                   ? misused("--jobs %s: that is no number from 1 to %u", value,
                             (unsigned)BATCH_JOBS_MAX)
                   : 0;
    case 'M':
        return parse_memory(value, &o->memory) < 0
                   ? misused("--memory %s: that is no number from 1 to %u", value,
                             (unsigned)MEMORY_MAX_MIB)
                   : 0;
    case 'L':
        return parse_list_max(value, &o->check.list_max) < 0
                   ? misused("--list-max %s: that is no number from 1 to %u", value, FINDINGS_MAX)
                   : 0;
    case 'j':
        o->json = true;
        return 0;
    case 'h':
        usage();
        exit(VERDICT_GOOD);
    case 'V':
        (void)printf("chancery-verify %s\n", VERSION);
        exit(VERDICT_GOOD);
    default:
        (void)fputs("See chancery-verify --help\n", stderr); /* getopt has said what is wrong */
        return -EINVAL;
    }
}

static int parse_arguments(int argc, char *argv[], Options *ret)
{
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},     {"nonce", required_argument, NULL, 'n'},
        {"max-age", required_argument, NULL, 'm'},  {"at", required_argument, NULL, 'a'},
        {"chain", required_argument, NULL, 'c'},    {"crl", required_argument, NULL, 'C'},
        {"previous", required_argument, NULL, 'P'}, {"page", required_argument, NULL, 'g'},
        {"payload", required_argument, NULL, 'p'},  {"reference", required_argument, NULL, 'R'},
        {"batch", required_argument, NULL, 'b'},    {"jobs", required_argument, NULL, 'J'},
        {"memory", required_argument, NULL, 'M'},   {"list-max", required_argument, NULL, 'L'},
        {"json", no_argument, NULL, 'j'},           {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},        {NULL, 0, NULL, 0},
    };
    Options o = {.check = {.max_age = -1, .at = (int64_t)time(NULL), .list_max = FINDINGS_DEFAULT},
                 .memory = MEMORY_DEFAULT_MIB};
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
        if (parse_option(c, optarg, &o) < 0)
            return -EINVAL;
    o.envelopes = argv + optind;
    if (check_options(&o, argc - optind) < 0)
        return -EINVAL;
    *ret = o;
    return 0;
}

static int fail(const char *what, const char *reason)
{
    (void)fprintf(stderr, "chancery-verify: %s%s%s\n", what ? what : "", what ? ": " : "", reason);
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

static int verify_one(const Options *o)
{
    _cleanup_(check_done) Check check = {.input = NULL};
    CheckOptions options = o->check;
    char reason[CHECK_REASON_SIZE];
    int r;

    options.envelope = o->envelopes[0];
    options.pages = o->n_pages > 0 ? o->pages : NULL;
    if (check_run(&options, &check, reason) < 0)
        return fail(NULL, reason);
    if (o->payload && check.result.verdict == VERDICT_GOOD) {
        r = write_payload(o->payload, &check.result);
        if (r < 0)
            return fail(o->payload, strerror(-r));
    }
    if (o->json) {
        r = report_json(STDOUT_FILENO, NULL, &check.request, &check.result);
        if (r >= 0)
            r = write_full(STDOUT_FILENO, "\n", 1);
    } else {
        report_text(stdout, &check.request, &check.result);
        r = fflush(stdout) == 0 ? 0 : -errno;
    }
    return r < 0 ? fail("standard output", strerror(-r)) : (int)check.result.verdict;
}

static int verify_several(const Options *o)
{
    _cleanup_fclose_ FILE *opened = NULL;
    BatchOptions options = {
        .defaults = o->check, .envelopes = o->envelopes, .jobs = o->jobs, .output = STDOUT_FILENO};
    BatchCount count = {0, 0};
    int r;

    if (o->batch && !streq(o->batch, "-")) {
        opened = fopen(o->batch, "re");
        if (!opened)
            return fail(o->batch, strerror(errno));
    }
    if (o->batch)
        options.list = opened ? opened : stdin;
    r = batch_run(&options, &count);
    if (r < 0)
        return fail(o->batch, r == -EMSGSIZE ? "A line is too long" : strerror(-r));
    /* Nothing was verified: a list that was not written is none of good ones. */
    if (count.n == 0)
        return fail(o->batch, "There is no envelope in it");
    return count.n == count.n_good ? VERDICT_GOOD : STATUS_NOT_ALL_GOOD;
}

static int read_reference(const char *path, Reference **ret)
{
    _cleanup_free_ char *text = NULL;
    const char *reason = NULL;
    size_t size;
    int r;

    r = input_read(path, REFERENCE_SIZE_MAX, &text, &size);
    if (r >= 0)
        r = reference_parse(text, size, ret, &reason);
    if (r < 0)
        (void)fail(path, reason ? reason : strerror(-r));
    return r;
}

int main(int argc, char *argv[])
{
    _cleanup_(reference_freep) Reference *reference = NULL;
    _cleanup_(memory_done) Memory memory = {.large = PTHREAD_MUTEX_INITIALIZER};
    Options o;

    if (parse_arguments(argc, argv, &o) < 0)
        return VERDICT_USAGE;
    if (o.reference && read_reference(o.reference, &reference) < 0)
        return VERDICT_USAGE;
    o.check.reference = reference;
    memory_init(&memory, (uint64_t)o.memory << 20);
    o.check.memory = &memory;
    return o.batch || o.envelopes[1] ? verify_several(&o) : verify_one(&o);
}
