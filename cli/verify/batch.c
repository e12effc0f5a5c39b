/* SPDX-License-Identifier: Apache-2.0 */
/* The main thread reads the list into a ring of places, workers take them in turn, and whoever ends
 * the oldest one that is open prints all that are done behind it. */
#include "batch.h"

#include <pthread.h>
#include <sched.h>

#include "atomic-file.h"
#include "memfd.h"

#define PLACES_PER_JOB 4U

typedef struct Place {
    char *line; /* of the list, or the name of an envelope */
    size_t line_size;
    uint64_t number; /* from 1 */
    char *verdict;   /* NULL until it is done */
    size_t size;
} Place;

typedef struct Batch {
    const BatchOptions *options;
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    Place *places;
    unsigned n_places;
    uint64_t n_read, n_taken, n_printed;
    bool is_over;
    int error; /* the first one */
    BatchCount count;
} Batch;

/* --- One line --------------------------------------------------------------------------------- */

/* pages: room for all that a line can name. */
static const char *parse_pages(json_object *o, const char **pages, CheckOptions *options)
{
    json_object *list;
    int r = json_get_array(o, "pages", &list);

    if (r == -ENOENT)
        return NULL;
    if (r < 0 || json_object_array_length(list) > BATCH_PAGES_MAX)
        return "pages is not a list of a few files";
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *page = json_object_array_get_idx(list, i);

        if (!json_object_is_type(page, json_type_string) ||
            streq(json_object_get_string(page), "-"))
            return "pages is not a list of files";
        pages[i] = json_object_get_string(page);
    }
    options->pages = pages;
    return NULL;
}

static const char *parse_line(json_object *o, const char **pages, CheckOptions *options)
{
    static const char *const known[] = {"envelope", "id",       "root",  "chain",   "crl",
                                        "nonce",    "previous", "pages", "max-age", NULL};
    const struct {
        const char *name, **value;
    } texts[] = {{"envelope", &options->envelope}, {"id", &options->id},
                 {"root", &options->root},         {"chain", &options->chain},
                 {"crl", &options->crl},           {"nonce", &options->nonce},
                 {"previous", &options->previous}};
    uint64_t max_age;
    int r;

    if (!json_object_is_type(o, json_type_object) || json_only_members(o, known) < 0)
        return "the line is not an object of members that are known";
    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        r = json_get_string(o, texts[i].name, texts[i].value);
        if (r < 0 && r != -ENOENT)
            return "a member of the line is not a text";
    }
    r = json_get_uint64(o, "max-age", &max_age);
    if (r >= 0 && max_age <= INT64_MAX)
        options->max_age = (int64_t)max_age;
    else if (r != -ENOENT)
        return "max-age is not a number of seconds";
    if (!options->envelope)
        return "the line names no envelope";
    if (streq(options->envelope, "-") || (options->previous && streq(options->previous, "-")))
        return "an envelope of a list is a file";
    if (!options->root)
        return "neither the line nor an option names a root";
    return options->nonce && !options->nonce[0] ? "the nonce is empty"
                                                : parse_pages(o, pages, options);
}

static int write_verdict(const Batch *b, const Place *p, int fd, bool *ret_good)
{
    CheckOptions options = b->options->defaults;
    _cleanup_json_ json_object *o = NULL;
    _cleanup_(check_done) Check check = {.input = NULL};
    const char *problem = NULL, *pages[BATCH_PAGES_MAX + 1] = {NULL};
    char reason[CHECK_REASON_SIZE], name[32];

    *ret_good = false;
    (void)snprintf(name, sizeof name, "line %llu", (unsigned long long)p->number);
    options.id = b->options->list ? name : p->line;
    if (!b->options->list)
        options.envelope = p->line;
    else if (json_parse(p->line, p->line_size, &o) < 0)
        problem = "the line is not JSON";
    else
        problem = parse_line(o, pages, &options);
    if (problem)
        return report_json_error(fd, options.id, problem);
    if (check_run(&options, &check, reason) < 0)
        return report_json_error(fd, options.id, reason);
    *ret_good = check.result.verdict == VERDICT_GOOD;
    return report_json(fd, options.id, &check.request, &check.result);
}

/* --- Workers ---------------------------------------------------------------------------------- */

static int read_back(int fd, char **ret, size_t *ret_size)
{
    off_t end = lseek(fd, 0, SEEK_CUR);
    _cleanup_free_ char *text = NULL;

    if (end < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    text = malloc((size_t)end + 1);
    if (!text)
        return -ENOMEM;
    if (read_full(fd, text, (size_t)end) != (ssize_t)end)
        return -EIO;
    text[end] = '\n';
    *ret_size = (size_t)end + 1;
    *ret = TAKE_PTR(text);
    return 0;
}

static int run_once(const Batch *b, const Place *p, const char *problem, char **ret,
                    size_t *ret_size, bool *ret_good)
{
    _cleanup_close_ int fd = memfd_new("verdict");
    char name[32];
    int r = fd;

    *ret_good = false;
    (void)snprintf(name, sizeof name, "line %llu", (unsigned long long)p->number);
    if (fd >= 0)
        r = problem ? report_json_error(fd, b->options->list ? name : p->line, problem)
                    : write_verdict(b, p, fd, ret_good);
    return r < 0 ? r : read_back(fd, ret, ret_size);
}

/* A verdict for which there is no memory is one of its own: the others go on. */
static int run_place(const Batch *b, const Place *p, char **ret, size_t *ret_size, bool *ret_good)
{
    int r = run_once(b, p, NULL, ret, ret_size, ret_good);

    return r == -ENOMEM
               ? run_once(b, p, "there is no memory for its verdict", ret, ret_size, ret_good)
               : r;
}

/* With the lock held. */
static void print_done(Batch *b)
{
    while (b->n_printed < b->n_taken) {
        Place *p = &b->places[b->n_printed % b->n_places];

        if (!p->verdict)
            break;
        if (b->error == 0)
            b->error = write_full(b->options->output, p->verdict, p->size);
        free(p->verdict);
        free(p->line);
        *p = (Place){.line = NULL};
        b->n_printed++;
    }
    (void)pthread_cond_broadcast(&b->emptied);
}

static void fail(Batch *b, int error)
{
    if (b->error == 0)
        b->error = error;
    (void)pthread_cond_broadcast(&b->emptied);
    (void)pthread_cond_broadcast(&b->filled);
}

static void *work(void *userdata)
{
    Batch *b = userdata;

    (void)pthread_mutex_lock(&b->lock);
    for (;;) {
        char *verdict = NULL;
        size_t size = 0;
        bool good = false;
        Place *p;
        int r;

        while (b->error == 0 && b->n_taken == b->n_read && !b->is_over)
            (void)pthread_cond_wait(&b->filled, &b->lock);
        if (b->error < 0 || b->n_taken == b->n_read)
            break;
        p = &b->places[b->n_taken++ % b->n_places];
        (void)pthread_mutex_unlock(&b->lock);
        r = run_place(b, p, &verdict, &size, &good);
        (void)pthread_mutex_lock(&b->lock);
        if (r < 0) {
            fail(b, r);
            break;
        }
        p->verdict = verdict;
        p->size = size;
        b->count.n++;
        b->count.n_good += good;
        print_done(b);
    }
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* --- The list --------------------------------------------------------------------------------- */

/* With everything that is in it, a zero byte too, up to the newline. Returns 1, 0 at the end,
 * -EMSGSIZE for a line that is too long, or another negative errno. */
static int read_line(FILE *f, char *buffer, size_t *ret_size)
{
    size_t size = 0;
    int c;

    while ((c = getc_unlocked(f)) != EOF && c != '\n') {
        if (size == BATCH_LINE_MAX - 1)
            return -EMSGSIZE;
        buffer[size++] = (char)c;
    }
    if (ferror(f))
        return -EIO;
    buffer[size] = 0;
    *ret_size = size;
    return c != EOF || size > 0;
}

/* The same of either kind of list. *ret: with a zero byte after it. */
static int next_line(const BatchOptions *options, uint64_t n, char *buffer, char **ret,
                     size_t *ret_size)
{
    int r;

    if (!options->list) {
        if (!options->envelopes[n])
            return 0;
        *ret = strdup(options->envelopes[n]);
        *ret_size = strlen(options->envelopes[n]);
        return *ret ? 1 : -ENOMEM;
    }
    do {
        r = read_line(options->list, buffer, ret_size);
        if (r <= 0)
            return r;
    } while (strspn(buffer, " \t\r") == *ret_size);
    *ret = malloc(*ret_size + 1);
    if (!*ret)
        return -ENOMEM;
    memcpy(*ret, buffer, *ret_size + 1);
    return 1;
}

static void read_list(Batch *b, char *buffer)
{
    char *line = NULL;
    size_t size;
    int r = 0;

    for (uint64_t n = 0; (r = next_line(b->options, n, buffer, &line, &size)) > 0; n++) {
        (void)pthread_mutex_lock(&b->lock);
        while (b->error == 0 && b->n_read - b->n_printed == b->n_places)
            (void)pthread_cond_wait(&b->emptied, &b->lock);
        if (b->error < 0) {
            (void)pthread_mutex_unlock(&b->lock);
            free(line);
            break;
        }
        b->places[b->n_read++ % b->n_places] =
            (Place){.line = line, .line_size = size, .number = n + 1};
        (void)pthread_cond_signal(&b->filled);
        (void)pthread_mutex_unlock(&b->lock);
    }
    (void)pthread_mutex_lock(&b->lock);
    if (r < 0)
        fail(b, r);
    b->is_over = true;
    (void)pthread_cond_broadcast(&b->filled);
    (void)pthread_mutex_unlock(&b->lock);
}

static unsigned count_jobs(const BatchOptions *options)
{
    cpu_set_t set;
    unsigned n = options->jobs;

    if (n == 0 && sched_getaffinity(0, sizeof set, &set) == 0)
        n = (unsigned)CPU_COUNT(&set);
    return n == 0 ? 1 : n > BATCH_JOBS_MAX ? BATCH_JOBS_MAX : n;
}

int batch_run(const BatchOptions *options, BatchCount *ret)
{
    Batch b = {.options = options,
               .lock = PTHREAD_MUTEX_INITIALIZER,
               .filled = PTHREAD_COND_INITIALIZER,
               .emptied = PTHREAD_COND_INITIALIZER};
    unsigned jobs = count_jobs(options), started = 0;
    _cleanup_free_ char *buffer = malloc(BATCH_LINE_MAX);
    _cleanup_free_ Place *places = calloc((size_t)jobs * PLACES_PER_JOB, sizeof *places);
    pthread_t threads[BATCH_JOBS_MAX];

    if (!buffer || !places)
        return -ENOMEM;
    b.places = places;
    b.n_places = jobs * PLACES_PER_JOB;
    while (started < jobs && pthread_create(&threads[started], NULL, work, &b) == 0)
        started++;
    if (started == 0)
        return -EAGAIN;
    read_list(&b, buffer);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < b.n_places; i++) {
        free(places[i].line);
        free(places[i].verdict);
    }
    *ret = b.count;
    return b.error;
}
