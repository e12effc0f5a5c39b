/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Policy1.Session: many lines at once, all of them or none. A large text is read in
 * turns with everything else that the daemon does; until the end of that the session waits. */
#include "org.chancery.Policy1.h"

#include <fcntl.h>

#include "clock.h"
#include "config-load.h"
#include "errors.h"
#include "json-util.h"
#include "memfd.h"
#include "policy.h"
#include "session-bus.h"
#include "transfer.h"

/* How long others wait for one turn, or for one line if that takes longer. */
#define TURN_USEC (2 * USEC_PER_MSEC)

typedef struct Loading {
    Session *session;
    Session *changes; /* what the session would be after the text */
    TaskList needed;  /* for that */
    sd_bus_message *m;
    void *text;
    ConfigLoader *loader;
    ConfigLoad load;
    sd_event_source *turn; /* NULL when all of the text is read */
} Loading;

static Loading *loading_free(Loading *l)
{
    if (!l)
        return NULL;
    if (l->session->loading == l)
        l->session->loading = NULL;
    sd_event_source_disable_unref(l->turn);
    config_loader_free(l->loader);
    free(l->text);
    session_free(l->changes);
    sd_bus_message_unref(l->m);
    free(l);
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Loading *, loading_free);

void session_forget_load(Session *session)
{
    Loading *l = session->loading;

    /* A message that polkit is asked about is answered when it comes back. */
    if (l && l->turn)
        (void)sd_bus_reply_method_errorf(l->m, ERROR_CANCELLED,
                                         "The session was closed while the text was read");
    loading_free(l);
}

static int accept_line(const ConfigParsed *parsed, void *userdata)
{
    Loading *l = userdata;
    int r = task_list_add(&l->needed, parsed->line.row->task, "write");

    return r < 0 ? r : session_enter(l->changes, &parsed->line);
}

static int reply_load(sd_bus_message *m, const ConfigLoad *load)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = sd_bus_message_append(reply, "u", load->n_errors > 0 ? 0U : load->n_lines);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(uus)");
    for (size_t i = 0; r >= 0 && i < load->n_errors; i++) {
        const ConfigLoadError *e = &load->errors[i];

        r = sd_bus_message_append(reply, "(uus)", e->line, (uint32_t)e->column, e->message);
    }
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

/* --- What is read ----------------------------------------------------------------------------- */

/* What a line needs it needs here too; nobody is asked about a text that cannot be loaded. Returns
 * 0 when polkit is asked: the message comes back with its answer. */
static int take_load(Loading *l, sd_bus_error *reterr_error)
{
    int r = 1;

    if (l->load.n_errors == 0 && l->needed.n > 0) {
        r = session_ask(l->session, l->m, l->needed.pointers, NULL, reterr_error);
        if (r <= 0)
            return r;
        session_take_changes(l->session, l->changes);
    }
    return reply_load(l->m, &l->load);
}

static int read_turn(Loading *l)
{
    uint64_t end = clock_usec(CLOCK_MONOTONIC) + TURN_USEC;
    int r;

    do
        r = config_loader_step(l->loader, 1);
    while (r > 0 && clock_usec(CLOCK_MONOTONIC) < end);
    return r;
}

/* All of it is read, or what went wrong; 0 when the message will be back. */
static int end(Loading *l, int r)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

    l->turn = sd_event_source_disable_unref(l->turn);
    l->loader = config_loader_free(l->loader);
    free(TAKE_PTR(l->text));
    if (r >= 0)
        r = take_load(l, &error);
    if (r == 0)
        return 0;
    if (sd_bus_error_is_set(&error))
        (void)sd_bus_reply_method_error(l->m, &error);
    else if (r < 0)
        (void)sd_bus_reply_method_errno(l->m, r, NULL);
    loading_free(l);
    return 0;
}

/* A timer that is always due, and not a deferred event: that would be older than any message, and
 * so come first each time. */
static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
    Loading *l = userdata;
    int r = read_turn(l);

    if (r <= 0)
        return end(l, r);
    r = sd_event_source_set_time_relative(source, 0);
    if (r >= 0)
        r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return r < 0 ? end(l, r) : 0;
}

/* --- The method ------------------------------------------------------------------------------- */

static int read_text(sd_bus_message *m, void **ret_text, size_t *ret_size,
                     sd_bus_error *reterr_error)
{
    _cleanup_close_ int fd = -EBADF;
    int r = bus_read_descriptor(m, O_RDONLY, &fd, reterr_error);

    if (r < 0)
        return r;
    r = memfd_read(fd, CONFIG_LOAD_SIZE_MAX, ret_text, ret_size);
    if (r == -EMSGSIZE)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE,
                                 "A text to be loaded has at most %u bytes", CONFIG_LOAD_SIZE_MAX);
    if (r < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The text has to be in a sealed memory file");
    return 0;
}

static int begin(Session *session, sd_bus_message *m, void **text, size_t size)
{
    const Policy *policy = session->policy;
    _cleanup_(loading_freep) Loading *l = calloc(1, sizeof(*l));
    int r;

    if (!l)
        return -ENOMEM;
    l->session = session;
    l->m = sd_bus_message_ref(m);
    l->text = TAKE_PTR(*text);
    l->changes = session_copy_changes(session);
    if (!l->changes)
        return -ENOMEM;
    r = config_loader_new(policy->parser, l->text, size, accept_line, l, &l->load, &l->loader);
    if (r >= 0)
        r = sd_event_add_time_relative(server_event(policy->server), &l->turn, CLOCK_MONOTONIC, 0,
                                       1, on_turn, l);
    if (r < 0)
        return r;
    session->loading = TAKE_PTR(l);
    return 1;
}

/* The message is back with polkit's answer, and nothing of it is read again. */
static int resume(Session *session, sd_bus_message *m, sd_bus_error *reterr_error)
{
    _cleanup_(loading_freep) Loading *l = session->loading;
    bool resumed;
    int r = session_check_asked(session, m, &resumed, reterr_error);

    return r < 0 ? r : take_load(l, reterr_error);
}

int policy1_session_method_load(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Session *session = userdata;
    const Loading *loading = session->loading;
    _cleanup_free_ void *text = NULL;
    bool resumed;
    size_t size;
    int r;

    if (session->closed)
        return session_end_closed(session, m, reterr_error);
    if (loading && loading->m == m)
        return resume(session, m, reterr_error);
    r = session_check_idle(session, reterr_error);
    if (r >= 0)
        r = session_check_asked(session, m, &resumed, reterr_error);
    if (r >= 0)
        r = read_text(m, &text, &size, reterr_error);
    return r < 0 ? r : begin(session, m, &text, size);
}
