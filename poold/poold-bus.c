/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.TrustPool1. */
#include "errors.h"
#include "log.h"
#include "memfd.h"
#include "names.h"
#include "org.chancery.TrustPool1.h"
#include "poold.h"
#include "store.h"

static int list_to_memfd(const Pool *pool)
{
    _cleanup_(json_writer_freep) JsonWriter *w = NULL;
    _cleanup_close_ int fd = memfd_new("trustpool");
    int r;

    if (fd < 0)
        return fd;
    w = json_writer_new(fd);
    if (!w)
        return -ENOMEM;
    pool_write_list(pool, w);
    r = json_writer_finish(w);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    r = memfd_seal(fd);
    return r < 0 ? r : TAKE_FD(fd);
}

int trust_pool1_method_list(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_close_ int fd = -EBADF;
    Poold *poold = userdata;
    int r;

    r = bus_read_options(m, NULL, 0, reterr_error);
    if (r < 0)
        return r;
    fd = list_to_memfd(poold->pool);
    if (fd < 0)
        return fd;
    return sd_bus_reply_method_return(m, "h", fd);
}

int trust_pool1_method_import(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *url, *reason;
    int r;

    r = sd_bus_message_read(m, "s", &url);
    if (r >= 0)
        r = bus_read_options(m, NULL, 0, reterr_error);
    if (r < 0)
        return r;
    if (poold_check_url(url, &reason) < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT, "Nothing can be imported: %s", reason);
    return poold_import(userdata, m, url, reterr_error);
}

static int clean(Poold *poold)
{
    AuthorityList *none = authority_list_new();
    _cleanup_(pool_freep) Pool *pool = NULL;
    int r;

    if (!none)
        return -ENOMEM;
    r = pool_new(poold->built_in, none, &pool);
    if (r < 0)
        return r;
    r = store_clear(poold->state_fd);
    if (r < 0)
        return r;
    poold_replace(poold, TAKE_PTR(pool));
    return 0;
}

int trust_pool1_method_clean(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    static const LogEvent event = {LOG_POOL_UPDATED};
    _cleanup_free_ char *user = NULL;
    Poold *poold = userdata;
    size_t removed = pool_downloaded(poold->pool);
    int r;

    if (poold->importing)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY, "An import is running; try again when it has ended");
    r = bus_sender_name(m, &user);
    if (r < 0)
        return r;
    r = clean(poold);
    if (r < 0)
        return log_error_errno(r, "Failed to remove the downloaded CA certificates: %m");
    log_event(&event, LOG_FIELDS("USER", user), "Trustpool cleaned by %s: %zu downloaded CA certificates removed", user, removed);
    return sd_bus_reply_method_return(m, "u", (uint32_t)removed);
}

int trust_pool1_get_built_in(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                             void *userdata, sd_bus_error *reterr_error)
{
    const Poold *poold = userdata;

    return sd_bus_message_append(reply, "u", (uint32_t)pool_built_in(poold->pool));
}

int trust_pool1_get_downloaded(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                               void *userdata, sd_bus_error *reterr_error)
{
    const Poold *poold = userdata;

    return sd_bus_message_append(reply, "u", (uint32_t)pool_downloaded(poold->pool));
}

int trust_pool1_get_earliest_expiry(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                                    void *userdata, sd_bus_error *reterr_error)
{
    const Poold *poold = userdata;

    return sd_bus_message_append(reply, "x", pool_earliest_expiry(poold->pool));
}

int poold_bus_init(Poold *poold)
{
    int r;

    r = jobs_init(poold->server);
    if (r >= 0)
        r = server_add_object(poold->server, TRUSTPOOL_PATH, &trust_pool1_interface, poold);
    if (r >= 0)
        r = config_owner_init(poold->server, poold_config_sections, poold);
    return r;
}
