/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>

#include "probe.h"

JsonWriter *answer_begin(Answer *a)
{
    JsonWriter *w = json_writer_new(a->fd);

    if (!w) {
        a->error = -ENOMEM;
        return NULL;
    }
    json_begin_object(w, NULL);
    return w;
}

void answer_end(Answer *a, JsonWriter *w)
{
    int r;

    if (!w)
        return;
    json_end_object(w);
    r = json_writer_finish(w);
    json_writer_free(w);
    /* No line has a newline inside: JSON escapes it. */
    if (r >= 0 && write(a->fd, "\n", 1) != 1)
        r = -errno;
    if (r < 0 && a->error == 0)
        a->error = r;
}

int answer_finish(Answer *a, int error, const char *reason)
{
    JsonWriter *w = answer_begin(a);

    if (w) {
        json_write_bool(w, "end", true);
        json_write_uint64(w, "unreadable", a->n_unreadable);
        if (error < 0) {
            json_write_uint64(w, "error", (uint64_t)-error);
            json_write_string(w, "reason", reason);
        }
        answer_end(a, w);
    }
    return a->error;
}

bool answer_is_unwanted(Answer *a)
{
    struct pollfd p = {.fd = a->fd};

    return a->error < 0 || (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)));
}
