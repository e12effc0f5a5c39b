/* SPDX-License-Identifier: Apache-2.0 */
/* What only a privilege shows: what chancery-probe says, entry by entry, as it comes. */
#include "integrity.h"

#include "clock.h"

#define FACT_SECONDS 30U

typedef struct Fact {
    Collect *collect;
    uint64_t deadline_usec;
    bool is_late;
    bool in_links; /* the list of programs has ended */
} Fact;

static uint64_t now_usec(const Collect *c)
{
    const CollectHost *host = c->host;

    return clock_usec(CLOCK_MONOTONIC) -
           (host->stalled_usec ? host->stalled_usec(host->userdata) : 0);
}

static bool should_stop(void *userdata)
{
    Fact *fact = userdata;

    fact->is_late =
        collect_should_stop(fact->collect) || now_usec(fact->collect) >= fact->deadline_usec;
    return fact->is_late;
}

static void put_entry(void *userdata, json_object *line)
{
    const Fact *fact = userdata;

    json_write_object(fact->collect->writer, NULL, line);
}

static void put_program(void *userdata, json_object *line)
{
    Fact *fact = userdata;
    JsonWriter *w = fact->collect->writer;

    if (!fact->in_links && json_object_object_get_ex(line, "link-id", NULL)) {
        json_end_array(w);
        json_begin_array(w, "links");
        fact->in_links = true;
    }
    json_write_object(w, NULL, line);
}

static void end_fact(Fact *fact, int r, json_object *end)
{
    uint64_t error = 0, n_unreadable = 0;
    const char *reason = "";

    if (end) {
        (void)json_get_uint64(end, "unreadable", &n_unreadable);
        if (json_get_uint64(end, "error", &error) >= 0)
            (void)json_get_string(end, "reason", &reason);
    }
    if (r == -ETIMEDOUT && fact->is_late)
        fact_end(fact->collect, RESULT_TIMEOUT,
                 "Looking took too long; what was found until then is here");
    else if (r < 0)
        fact_end(fact->collect, result_code_from_errno(r), "chancery-probe: %s", strerror(-r));
    else if (error > 0)
        fact_end(fact->collect, error < 4096 ? result_code_from_errno(-(int)error) : RESULT_FAILED,
                 "%s", reason);
    else if (n_unreadable > 0)
        fact_end(fact->collect, RESULT_PARTIAL, "%llu could not be looked at",
                 (unsigned long long)n_unreadable);
    else
        fact_end(fact->collect, RESULT_SUCCESS, "%s", "");
}

/* The value is there when somebody has looked, whatever the end. */
static void ask(Collect *c, ProbeKind kind, const char *id)
{
    const CollectHost *host = c->host;
    _cleanup_close_ int fd =
        host && host->connect_probe ? host->connect_probe(host->userdata, kind) : -ENOENT;
    _cleanup_json_ json_object *end = NULL;
    bool has_links = kind == PROBE_PROGRAMS;
    Fact fact = {.collect = c};
    const ProbeReader reader = {kind, should_stop, has_links ? put_program : put_entry, &fact};
    int r;

    fact_begin(c, id);
    if (fd < 0) {
        if (fd == -ENOENT)
            fact_end(c, RESULT_NOT_AVAILABLE, "There is no chancery-probe on this system");
        else
            end_fact(&fact, fd, NULL);
        return;
    }
    fact.deadline_usec = now_usec(c) + USEC_PER_SEC * FACT_SECONDS;
    if (has_links)
        json_begin_object(c->writer, "value");
    json_begin_array(c->writer, has_links ? "programs" : "value");
    r = probe_ask(fd, &reader, &end);
    json_end_array(c->writer);
    if (has_links)
        json_end_object(c->writer);
    end_fact(&fact, r, end);
}

void integrity_changed_executables(Collect *c)
{
    ask(c, PROBE_PROCESSES, "changed-executables");
}

void integrity_bpf_programs(Collect *c)
{
    ask(c, PROBE_PROGRAMS, "bpf-programs");
}

void integrity_privileged_files(Collect *c)
{
    ask(c, PROBE_FILES, "privileged-files");
}
