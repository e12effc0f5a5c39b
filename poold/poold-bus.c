/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.TrustPool1. */
#include "bundle.h"
#include "errors.h"
#include "fetch-client.h"
#include "fetch-url.h"
#include "log.h"
#include "memfd.h"
#include "names.h"
#include "org.chancery.TrustPool1.h"
#include "poold.h"
#include "transfer.h"

#include <fcntl.h>
#include <time.h>

#define TIME_MAX 253402300799ULL

static int check_url(const ImportOrder *order, const char **ret_reason)
{
    bool ssh = fetch_url_is_ssh(order->url);

    if (strlen(order->url) > URL_MAX) {
        *ret_reason = "the URL is longer than 800 characters";
        return -EINVAL;
    }
    if (fetch_url_check_file(order->url, ret_reason) < 0)
        return -EINVAL;
    *ret_reason = NULL;
    if (!ssh && (order->host_key || order->password))
        *ret_reason = "only sftp and scp have a host key and a password";
    else if (ssh && !order->host_key)
        *ret_reason = "the fingerprint of the server's host key is not known";
    else if (ssh && !fetch_host_key_is_valid(order->host_key))
        *ret_reason =
            "the fingerprint of a host key is SHA256: and 43 characters, as ssh-keygen -l "
            "shows it";
    else if (ssh && (!order->password || strlen(order->password) > FETCH_PASSWORD_MAX))
        *ret_reason = "sftp and scp need a password, of at most 256 bytes";
    return *ret_reason ? -EINVAL : 0;
}

/* force: NULL when it is no option. */
static int import_from_url(sd_bus_message *m, Poold *poold, ImportOrder *order, bool *force,
                           sd_bus_error *reterr_error)
{
    const BusOption options[] = {{"host-key", 's', &order->host_key, NULL},
                                 {"password", 's', &order->password, NULL},
                                 {"force", 'b', force, NULL}};
    const char *reason;
    int r;

    r = sd_bus_message_read(m, "s", &order->url);
    if (r >= 0)
        r = bus_read_options(m, options, force ? 3 : 2, reterr_error);
    if (r < 0)
        return r;
    if (fetch_url_is_ssh(order->url) && !order->host_key)
        order->host_key = poold->policy->host_key;
    if (check_url(order, &reason) < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "Nothing can be imported: %s", reason);
    return poold_import(poold, m, order, reterr_error);
}

int trust_pool1_method_import(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    ImportOrder order = {0};

    return import_from_url(m, userdata, &order, &order.force, reterr_error);
}

int trust_pool1_method_diff(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    ImportOrder order = {.force = true, .try_only = true};

    return import_from_url(m, userdata, &order, NULL, reterr_error);
}

/* What stands in the journal and in the state file about data that came over the bus. */
static bool is_name(const char *text)
{
    size_t length = strlen(text);

    for (const char *p = text; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            return false;
    return length >= 1 && length <= URL_MAX;
}

int trust_pool1_method_import_data(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    ImportOrder order = {.url = "data"};
    const BusOption options[] = {{"force", 'b', &order.force, NULL},
                                 {"name", 's', &order.url, NULL}};
    _cleanup_free_ void *data = NULL;
    _cleanup_close_ int fd = -EBADF;
    int r;

    r = bus_read_descriptor(m, O_RDONLY, &fd, reterr_error);
    if (r >= 0)
        r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    if (r < 0)
        return r;
    if (!is_name(order.url))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The name has to be 1 to 800 printable ASCII characters");
    r = memfd_read(fd, BUNDLE_SIZE_MAX, &data, &order.size);
    if (r == -EMSGSIZE)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE, "The bundle is larger than 48 MiB");
    if (r == -EBADFD)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The bundle has to come as a sealed memory file");
    if (r < 0)
        return r;
    order.data = data;
    return poold_import(userdata, m, &order, reterr_error);
}

static int parse_revocation(const char *word, VerifyRevocation *ret)
{
    static const char *const words[] = {
        [VERIFY_REVOCATION_REQUIRED] = "required",
        [VERIFY_REVOCATION_OPTIONAL] = "optional",
        [VERIFY_REVOCATION_NONE] = "none",
    };

    for (size_t i = 0; i < ELEMENTSOF(words); i++)
        if (streq(word, words[i])) {
            *ret = (VerifyRevocation)i;
            return 0;
        }
    return -EINVAL;
}

static int parse_own(const char *word, const char *trustpoint, CheckerOwn *ret)
{
    if (!word)
        return 0;
    if (!trustpoint || (!streq(word, "held") && !streq(word, "received")))
        return -EINVAL;
    *ret = streq(word, "held") ? CHECKER_HELD : CHECKER_RECEIVED;
    return 0;
}

int trust_pool1_method_verify(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    VerifyOrder order = {.request.purpose = "any"};
    VerifyRequest *request = &order.request;
    uint64_t now = (uint64_t)time(NULL);
    const char *revocation = "required", *own = NULL;
    bool other_time = false, offline = false;
    struct iovec staple = {.iov_base = NULL};
    const BusOption options[] = {{"purpose", 's', &request->purpose, NULL},
                                 {"name", 's', &request->name, NULL},
                                 {"time", 't', &now, &other_time},
                                 {"offline", 'b', &offline, NULL},
                                 {"ocsp", 'A', &staple, NULL},
                                 {"lenient", 'b', &request->lenient, NULL},
                                 {"legacy", 'b', &request->legacy, NULL},
                                 {"trustpoint", 's', &order.trustpoint, NULL},
                                 {"own", 's', &own, NULL},
                                 {"revocation", 's', &revocation, &order.revocation_given}};
    _cleanup_free_ void *data = NULL;
    _cleanup_close_ int fd = -EBADF;
    int r;

    r = bus_read_descriptor(m, O_RDONLY, &fd, reterr_error);
    if (r >= 0)
        r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    if (r < 0)
        return r;
    if (parse_revocation(revocation, &request->revocation) < 0 || now > TIME_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The revocation is required, optional or none, and the time in "
                                 "seconds before the year 10000");
    if (parse_own(own, order.trustpoint, &order.own) < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A trustpoint's own certificate is held or received, and the "
                                 "trustpoint has to be named");
    r = memfd_read(fd, VERIFY_SIZE_MAX, &data, &request->size);
    if (r < 0)
        return sd_bus_error_setf(
            reterr_error, r == -EMSGSIZE ? ERROR_TOO_LARGE : ERROR_INVALID_ARGUMENT,
            "The certificates have to come as a sealed memory file of at most 4 MiB");
    request->time = (int64_t)now;
    request->data = data;
    request->staple = (DerSpan){staple.iov_base, staple.iov_len};
    order.of_now = !other_time;
    order.may_fetch = !other_time && !offline;
    return poold_verify(userdata, m, &order, reterr_error);
}

typedef struct Cleaning {
    sd_bus_message *m;
    uint32_t removed;
} Cleaning;

/* The files are what they are to be: now it is done. */
static void on_cleaned(void *userdata)
{
    _cleanup_free_ Cleaning *cleaning = userdata;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = cleaning->m;
    int r = sd_bus_reply_method_return(m, "u", cleaning->removed);

    if (r < 0)
        log_warning_errno(r, "The end of the cleaning cannot be told, ignoring: %m");
}

static int clean(Poold *poold)
{
    _cleanup_(authority_list_freep) AuthorityList *none = authority_list_new();
    _cleanup_(pool_freep) Pool *pool = NULL;
    int r;

    if (!none)
        return -ENOMEM;
    r = poold_make_pool(poold, none, &pool);
    if (r < 0)
        return r;
    r = store_clear(poold->state_fd);
    if (r < 0)
        return r;
    poold_replace(poold, TAKE_PTR(pool), &(StoreOrigin){0});
    return 0;
}

int trust_pool1_method_clean(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    static const LogEvent event = {LOG_POOL_UPDATED};
    _cleanup_free_ char *user = NULL;
    _cleanup_free_ Cleaning *cleaning = calloc(1, sizeof *cleaning);
    Poold *poold = userdata;
    size_t removed = pool_downloaded(poold->pool);
    int r;

    if (!cleaning)
        return -ENOMEM;

    if (poold->importing)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "An import is running; try again when it has ended");
    r = bus_sender_name(m, &user);
    if (r < 0)
        return r;
    r = clean(poold);
    if (r < 0)
        return log_error_errno(r, "Failed to remove the downloaded CA certificates: %m");
    log_event(&event, LOG_FIELDS("USER", user),
              "Trustpool cleaned by %s: %zu downloaded CA certificates removed", user, removed);
    *cleaning = (Cleaning){sd_bus_message_ref(m), (uint32_t)removed};
    poold_publish(poold, on_cleaned, TAKE_PTR(cleaning));
    return 1;
}

#define GETTER(name, type, value)                                                                  \
    int trust_pool1_get_##name(sd_bus *bus, const char *path, const char *interface,               \
                               const char *property, sd_bus_message *reply, void *userdata,        \
                               sd_bus_error *reterr_error)                                         \
    {                                                                                              \
        const Poold *poold = userdata;                                                             \
                                                                                                   \
        return sd_bus_message_append(reply, type, value);                                          \
    }
GETTER(built_in, "u", (uint32_t)pool_built_in(poold->pool))
GETTER(downloaded, "u", (uint32_t)pool_downloaded(poold->pool))
GETTER(active, "u", (uint32_t)pool_active(poold->pool))
GETTER(earliest_expiry, "x", pool_next_expiry(poold->pool, time(NULL) - 1))
GETTER(bundle_url, "s", poold->policy->url ?: "")
GETTER(bundle_signer, "s", poold->policy->signer ?: "")
GETTER(host_key, "s", poold->policy->host_key ?: "")
GETTER(shrink_limit, "u", (uint32_t)poold->policy->shrink_limit)
GETTER(crl_optional, "b", poold->policy->crl_optional)
GETTER(vrf, "s", poold->policy->route.device)
GETTER(system_export, "b", poold->policy->export_system)
GETTER(weak_refused, "b", poold->policy->refuse_weak)
GETTER(description, "s", poold->policy->description ?: "")
GETTER(source, "s", poold->origin.url ?: "")
GETTER(next_update, "x", update_next(poold->update))
GETTER(imported, "x", poold->origin.imported)
#undef GETTER

int poold_bus_init(Poold *poold)
{
    int r;

    r = jobs_init(poold->server);
    if (r >= 0)
        r = transfers_init(poold->server);
    if (r >= 0)
        r = server_add_object(poold->server, TRUSTPOOL_PATH, &trust_pool1_interface, poold);
    if (r >= 0)
        r = trustpoint_cache_new(server_bus(poold->server), poold_changed, poold,
                                 &poold->trustpoints);
    if (r >= 0)
        r = config_owner_init(poold->server, poold_config_sections, poold);
    return r;
}
