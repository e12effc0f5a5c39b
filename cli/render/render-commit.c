/* SPDX-License-Identifier: Apache-2.0 */
#include "render-commit.h"

#include <inttypes.h>
#include <time.h>

#include "cleanup.h"
#include "clock.h"
#include "render-fields.h"
#include "time-render.h"

#define LINE_MAX_SHOWN 18U

void render_commit_head(FILE *f)
{
    (void)fputs("SNo. Label/ID    User      Line                Client      Time Stamp\n"
                "~~~~ ~~~~~~~~    ~~~~      ~~~~                ~~~~~~      ~~~~~~~~~~\n",
                f);
}

/* A value and blanks up to the next column; at least one. */
static void column(FILE *f, const char *value, size_t width)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);

    if (!memory)
        return;
    render_text(memory, value ? value : "");
    (void)fclose(memory);
    fprintf(f, "%-*s%s", (int)width, text, size >= width ? " " : "");
    free(text);
}

static void time_text(uint64_t usec, char when[TIME_TEXT_SIZE])
{
    time_t seconds = (time_t)(usec / 1000000);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) ||
        strftime(when, TIME_TEXT_SIZE, "%a %b %e %H:%M:%S %Y", &tm) == 0)
        memcpy(when, "-", 2);
}

void render_commit(FILE *f, unsigned number, const CommitView *commit)
{
    char when[TIME_TEXT_SIZE], id[24], line[LINE_MAX_SHOWN + 1];

    (void)snprintf(id, sizeof(id), "%" PRIu64, commit->id);
    (void)snprintf(line, sizeof(line), "%s", commit->line ? commit->line : "");
    time_text(commit->time, when);
    fprintf(f, "%-4u ", number);
    column(f, commit->label ? commit->label : id, 12);
    column(f, commit->user, 10);
    column(f, line, 20);
    column(f, commit->client, 12);
    fprintf(f, "%s\n", when);
}

/* Each on a line of its own, behind a heading. */
static void print_warnings(FILE *f, const char *warnings)
{
    for (const char *at = warnings; at && *at;) {
        size_t length = strcspn(at, "\n");
        _cleanup_free_ char *one = strndup(at, length);

        (void)fputs("      Warning:  ", f);
        render_text(f, one ? one : "");
        (void)fputc('\n', f);
        at += length + (at[length] == '\n');
    }
}

void render_commit_detail(FILE *f, unsigned number, const CommitView *commit)
{
    char when[TIME_TEXT_SIZE], id[24];

    (void)snprintf(id, sizeof(id), "%" PRIu64, commit->id);
    time_text(commit->time, when);
    fprintf(f, "%s%4u) CommitId: ", number > 1 ? "\n" : "", number);
    column(f, id, 26);
    (void)fputs("Label: ", f);
    render_text(f, commit->label ? commit->label : "NONE");
    (void)fputs("\n      UserId:   ", f);
    column(f, commit->user, 26);
    (void)fputs("Line:  ", f);
    render_text(f, commit->line);
    (void)fputs("\n      Client:   ", f);
    column(f, commit->client, 26);
    fprintf(f, "Time:  %s\n      Comment:  ", when);
    render_text(f, commit->comment ? commit->comment : "NONE");
    (void)fputc('\n', f);
    print_warnings(f, commit->warnings);
}

void render_event_head(FILE *f)
{
    (void)fputs("Sno.  Event      Info                                 Time Stamp\n"
                "~~~~  ~~~~~      ~~~~                                 ~~~~~~~~~~\n",
                f);
}

static const char *event_name(const CommitView *commit)
{
    return commit->client && streq(commit->client, "Rollback") ? "rollback" : "commit";
}

void render_event(FILE *f, unsigned number, const CommitView *commit)
{
    char when[TIME_TEXT_SIZE], info[32];

    (void)snprintf(info, sizeof(info), "id %" PRIu64, commit->id);
    time_text(commit->time, when);
    fprintf(f, "%-5u %-10s %-36s %s\n", number, event_name(commit), info, when);
}

void render_event_detail(FILE *f, unsigned number, const CommitView *commit)
{
    char when[TIME_TEXT_SIZE], id[24];

    (void)snprintf(id, sizeof(id), "%" PRIu64, commit->id);
    time_text(commit->time, when);
    fprintf(f, "%u) Event: %-10s Time: %s\n      Commit ID: ", number, event_name(commit), when);
    column(f, id, 14);
    (void)fputs("Label: ", f);
    render_text(f, commit->label ? commit->label : "");
    (void)fputs("\n      User: ", f);
    column(f, commit->user, 19);
    (void)fputs("Line: ", f);
    render_text(f, commit->line);
    (void)fputs("\n      Client: ", f);
    column(f, commit->client, 17);
    (void)fputs("Comment: ", f);
    render_text(f, commit->comment ? commit->comment : "");
    (void)fputc('\n', f);
}

void render_session(FILE *f, const char *id, const SessionView *session)
{
    char when[TIME_TEXT_SIZE];

    time_text(session->time, when);
    column(f, id, 31);
    column(f, session->line, 11);
    column(f, session->user, 11);
    fprintf(f, "%s%s\n", when, session->exclusive ? " *" : "");
}

/* "01:02:03" since then, by a clock that may have been set meanwhile. */
static void print_elapsed(FILE *f, uint64_t usec)
{
    uint64_t now = clock_usec(CLOCK_REALTIME),
             seconds = now > usec ? (now - usec) / USEC_PER_SEC : 0;

    fprintf(f, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600, seconds / 60 % 60,
            seconds % 60);
}

void render_session_detail(FILE *f, unsigned number, const char *id, const SessionView *session)
{
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%" PRIu32, session->pid);
    fprintf(f, "%s%4u) Session: ", number > 1 ? "\n" : "", number);
    column(f, id, 35);
    (void)fputs("Line: ", f);
    render_text(f, session->line);
    (void)fputs("\n      Lock:    ", f);
    column(f, session->exclusive ? "Reserved" : "None", 35);
    (void)fputs("User: ", f);
    render_text(f, session->user);
    (void)fputs("\n      Client:  ", f);
    column(f, session->trial ? "commit-confirm" : session->client, 35);
    (void)fputs("Process: ", f);
    render_text(f, session->process);
    (void)fputs("\n      PID:     ", f);
    column(f, session->pid > 0 ? pid : "unknown", 35);
    (void)fputs("Node: 0/RP0/CPU0\n      Elapsed Time: ", f);
    print_elapsed(f, session->time);
    (void)fputs(" (hh:mm:ss)\n", f);
}

json_object *render_commit_json(const CommitView *commit)
{
    json_object *o = json_object_new_object();

    json_object_object_add(o, "commit-id", json_object_new_uint64(commit->id));
    render_json_string(o, "user-id", commit->user);
    render_json_string(o, "line", commit->line);
    render_json_string(o, "client-name", commit->client);
    json_object_object_add(o, "timestamp", json_object_new_uint64(commit->time / 1000000));
    if (commit->label)
        render_json_string(o, "label", commit->label);
    if (commit->comment)
        render_json_string(o, "comment", commit->comment);
    if (commit->warnings)
        render_json_string(o, "warnings", commit->warnings);
    return o;
}
