/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Policy1.Session: many lines at once, all of them or none. */
#include "org.chancery.Policy1.h"

#include <fcntl.h>

#include "config-load.h"
#include "errors.h"
#include "json-util.h"
#include "memfd.h"
#include "policy.h"
#include "session-bus.h"
#include "transfer.h"

/* What the session would be after the text, and what that needs. */
typedef struct Loading {
    Session *session;
    TaskList needed;
} Loading;

static int accept_line(const ConfigParsed *parsed, void *userdata)
{
    Loading *loading = userdata;
    int r = task_list_add(&loading->needed, parsed->line.row->task, "write");

    return r < 0 ? r : session_enter(loading->session, &parsed->line);
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

/* What a line needs it needs here too; nobody is asked about a text that cannot be loaded. */
static int take_load(sd_bus_message *m, Session *session, Loading *loading, const ConfigLoad *load,
                     bool resumed, sd_bus_error *reterr_error)
{
    int r;

    if (load->n_errors > 0 || loading->needed.n == 0)
        return resumed ? session_refuse_stale(session, m, reterr_error) : reply_load(m, load);
    r = session_ask(session, m, loading->needed.pointers, NULL, reterr_error);
    if (r <= 0)
        return r < 0 ? r : 1;
    session_take_changes(session, loading->session);
    return reply_load(m, load);
}

static int load_text(sd_bus_message *m, Session *session, const char *text, size_t size,
                     bool resumed, sd_bus_error *reterr_error)
{
    const Policy *policy = session->policy;
    _cleanup_(session_freep) Session *copy = session_copy_changes(session);
    Loading loading = {.session = copy};
    ConfigLoad load = {0};
    int r;

    if (!copy)
        return -ENOMEM;
    r = config_load(policy->parser, text, size, accept_line, &loading, &load);
    if (r >= 0)
        r = take_load(m, session, &loading, &load, resumed, reterr_error);
    return r;
}

int policy1_session_method_load(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    Session *session = userdata;
    _cleanup_free_ void *text = NULL;
    bool resumed = false;
    _cleanup_close_ int fd = -EBADF;
    size_t size;
    int r;

    if (session->closed)
        return session_end_closed(session, m, reterr_error);
    r = bus_read_descriptor(m, O_RDONLY, &fd, reterr_error);
    if (r >= 0)
        r = session_check_idle(session, reterr_error);
    if (r >= 0)
        r = session_check_asked(session, m, &resumed, reterr_error);
    if (r < 0)
        return r;
    r = memfd_read(fd, CONFIG_LOAD_SIZE_MAX, &text, &size);
    if (r == -EMSGSIZE)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE,
                                 "A text to be loaded has at most %u bytes", CONFIG_LOAD_SIZE_MAX);
    if (r < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The text has to be in a sealed memory file");
    return load_text(m, session, text, size, resumed, reterr_error);
}
