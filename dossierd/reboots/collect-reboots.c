/* SPDX-License-Identifier: Apache-2.0 */
/* reboot-history: the boots of the journal, and the records of /var/log/wtmp, or of wtmpdb, beside
 * it as a second witness. */
#include <utmp.h>

#include "boots.h"
#include "reboot-traces.h"
#include "wtmpdb.h"

#define WTMP_PATH "var/log/wtmp"

static void write_cause(JsonWriter *w, const Boot *b, uint64_t number)
{
    json_write_uint64(w, "no", number);
    json_write_time(w, "time", b->first_usec);
    json_write_uint64(w, "cause-code", b->cause);
    json_write_string(w, "reason", boot_cause_to_string(b->cause));
}

/* Of the running boot nothing can be said yet. */
static void write_end(JsonWriter *w, const Boot *b)
{
    json_write_string(w, "end", boot_end_to_string(b->end));
    if (b->end != BOOT_END_RUNNING) {
        json_write_bool(w, "shutdown-begun", b->shutdown_begun);
        json_write_bool(w, "journal-stopped", b->journal_stopped);
    }
    if (b->errors)
        reboot_write_kernel_errors(w, b->errors);
}

/* Newest first, number 1 is the running system, as routers show it. */
static void write_boots(Collect *c, const Boot *boots, size_t n)
{
    JsonWriter *w = c->writer;

    if (n > 0) {
        json_begin_object(w, "last-reboot");
        write_cause(w, &boots[n - 1], 1);
        json_end_object(w);
    }
    json_begin_array(w, "reboot-history");
    for (size_t i = 0; i < n; i++) {
        const Boot *b = &boots[n - 1 - i];

        json_begin_object(w, NULL);
        write_cause(w, b, i + 1);
        json_write_stringf(w, "boot-id", SD_ID128_FORMAT_STR, SD_ID128_FORMAT_VAL(b->id));
        json_write_time(w, "first-entry", b->first_usec);
        json_write_time(w, "last-entry", b->last_usec);
        write_end(w, b);
        json_end_object(w);
        c->n_good++;
    }
    json_end_array(w);
}

/* Journal files that may not be read look like files that are not there. The running boot shows
 * which it is: something of it must be in the journal. */
static void check_running_boot(Collect *c, const BootList *l)
{
    if (l->n > 0 && l->boots[l->n - 1].end == BOOT_END_RUNNING)
        return;
    collect_result(c, RESULT_PARTIAL,
                   "The journal that can be read has nothing of the running boot");
}

static const char *wtmp_type(const struct utmp *u)
{
    if (u->ut_type == BOOT_TIME)
        return "boot";
    if (u->ut_type == RUN_LVL && strncmp(u->ut_user, "shutdown", sizeof u->ut_user) == 0)
        return "shutdown";
    return NULL;
}

static void write_wtmp_record(JsonWriter *w, const char *type, const struct utmp *u)
{
    json_begin_object(w, NULL);
    json_write_string(w, "type", type);
    json_write_time(w, "time",
                    (uint64_t)(uint32_t)u->ut_tv.tv_sec * 1000000 +
                        (uint32_t)u->ut_tv.tv_usec % 1000000);
    json_write_bytes(w, "kernel", u->ut_host, strnlen(u->ut_host, sizeof u->ut_host));
    json_end_object(w);
}

static ResultCode write_wtmp_records(Collect *c, FILE *f, const char **ret_reason)
{
    struct utmp u;
    size_t size = 0, n = 0;
    ResultCode code = RESULT_SUCCESS;

    json_begin_array(c->writer, "records");
    while (!collect_should_stop(c) && (size = fread(&u, 1, sizeof u, f)) == sizeof u) {
        const char *type = wtmp_type(&u);

        if (!type)
            continue;
        if (n++ == WTMP_RECORDS_MAX) {
            *ret_reason = "Too many records";
            code = RESULT_PARTIAL;
            break;
        }
        write_wtmp_record(c->writer, type, &u);
    }
    json_end_array(c->writer);
    if (ferror(f) || (size != 0 && size != sizeof u)) {
        *ret_reason = ferror(f) ? "Reading failed" : "The last record is cut short";
        code = RESULT_PARTIAL;
    }
    return code;
}

static void write_wtmp(Collect *c)
{
    _cleanup_fclose_ FILE *f = NULL;
    const char *reason = NULL;
    ResultCode code;
    int r;

    json_begin_object(c->writer, "wtmp");
    r = collect_open(c->root_fd, WTMP_PATH, &f);
    if (r < 0) {
        code = result_code_from_errno(r);
        reason = r == -ENOENT ? "There is no /" WTMP_PATH : strerror(-r);
    } else
        code = write_wtmp_records(c, f, &reason);
    json_write_string(c->writer, "result-code", result_code_to_string(code));
    if (reason)
        json_write_string(c->writer, "reason", reason);
    json_end_object(c->writer);
    if (code == RESULT_PARTIAL || code == RESULT_FAILED)
        collect_result(c, RESULT_PARTIAL, "/" WTMP_PATH ": %s", reason);
}

/* Whatever is there is there: what went wrong after it is Partial. */
static void write_wtmpdb(Collect *c)
{
    char reason[COLLECT_REASON_SIZE] = "";
    ResultCode code = RESULT_SUCCESS;
    int r;

    json_begin_object(c->writer, "wtmpdb");
    r = wtmpdb_write_records(c, reason);
    if (r < 0)
        code = r == -EBADMSG || r == -EBUSY || r == -EOVERFLOW ? RESULT_PARTIAL
                                                               : result_code_from_errno(r);
    json_write_string(c->writer, "result-code", result_code_to_string(code));
    if (r < 0)
        json_write_string(c->writer, "reason", reason);
    json_end_object(c->writer);
    if (code == RESULT_PARTIAL || code == RESULT_FAILED)
        collect_result(c, RESULT_PARTIAL, "%s", reason);
}

void collect_reboots(Collect *c)
{
    _cleanup_(boot_list_done) BootList list = {NULL, 0};
    int r = boots_read(c, &list);

    if (r < 0)
        collect_result(c, result_code_from_errno(r), "The journal could not be read: %s",
                       strerror(-r));
    else {
        write_boots(c, list.boots, list.n);
        check_running_boot(c, &list);
    }
    write_wtmp(c);
    write_wtmpdb(c);
    reboot_write_watchdogs(c);
    reboot_write_crash_records(c);
    reboot_write_reset_sources(c);
}
