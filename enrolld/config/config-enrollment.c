/* SPDX-License-Identifier: Apache-2.0 */
/* How and where a trustpoint enrolls, and how it renews. */
#include "cmp-message.h"
#include "config-reader.h"
#include "consumer-names.h"
#include "est-url.h"
#include "fetch-url.h"
#include "json-util.h"
#include "label.h"
#include "names.h"
#include "scep-url.h"
#include "tftp-url.h"

#define MINUTE 60U
#define RETRY_COUNT_MAX 100U
#define RETRY_PERIOD_MAX 60U

static void read_retry(Reader *reader, json_object *o, const char *member, uint32_t unit,
                       uint32_t max, uint32_t *ret)
{
    uint64_t value;
    int r = json_get_uint64(o, member, &value);

    if (r == -ENOENT)
        return;
    if (r < 0 || value < 1 || value > max)
        reader_problem(reader,
                       streq(member, "retry-count") ? "enrollment retry count"
                                                    : "enrollment retry period",
                       NULL, "must be 1 to %u", max);
    else
        *ret = (uint32_t)value * unit;
}

/* What is spoken with a server. */
static EnrollmentMethod read_method(Reader *reader, json_object *o)
{
    const char *name = reader_string(reader, o, "method", "method", LABEL_MAX);

    if (!name)
        return METHOD_SCEP;
    if (streq(name, "cmp"))
        return METHOD_CMP;
    if (!streq(name, "est"))
        reader_problem(reader, "method", name, "must be 'est' or 'cmp'");
    return METHOD_EST;
}

static int url_check(EnrollmentMethod method, const char *url, const char **ret_reason)
{
    return method == METHOD_EST   ? est_url_check(url, ret_reason)
           : method == METHOD_CMP ? cmp_url_check(url, ret_reason)
                                  : scep_url_check(url, ret_reason);
}

void read_vrf(Reader *reader, json_object *o, TrustpointConfig *config)
{
    const char *vrf = reader_string(reader, o, "vrf", "vrf", LABEL_MAX);

    if (!vrf)
        return;
    if (!interface_name_is_valid(vrf))
        reader_problem(reader, "vrf", vrf,
                       "must be the name of the VRF's interface, 1 to 15 characters");
    else if (config->vrf[0] && !streq(config->vrf, vrf))
        reader_problem(reader, "vrf", vrf, "the URL names another one");
    else if (!config->url)
        reader_problem(reader, "vrf", vrf, "has an effect only with the URL of a server");
    else
        (void)snprintf(config->vrf, sizeof(config->vrf), "%s", vrf);
}

static void read_server(Reader *reader, json_object *o, const char *url, TrustpointConfig *config)
{
    const char *reason;
    int r;

    config->method = tftp_url_is(url)         ? METHOD_TFTP
                     : fetch_url_is_sftp(url) ? METHOD_SFTP
                                              : read_method(reader, o);
    r = config->method == METHOD_TFTP   ? tftp_url_check(url, config->vrf, &reason)
        : config->method == METHOD_SFTP ? sftp_url_check(url, &reason)
                                        : url_check(config->method, url, &reason);
    if (r == -EINVAL)
        reader_problem(reader, "enrollment url", url, "%s", reason);
    else if (r < 0)
        reader->error = r;
    else
        reader_copy(reader, url, &config->url);
}

void read_sftp(Reader *reader, json_object *o, TrustpointConfig *config)
{
    const char *user = reader_string(reader, o, "sftp-username", "sftp-username", LABEL_MAX),
               *key = reader_string(reader, o, "sftp-host-key", "sftp-host-key", LABEL_MAX);

    reader_copy(reader, reader_string(reader, o, "sftp-password", "sftp-password", SEALED_MAX),
                &config->sftp_password);
    if (user && !sftp_user_is_valid(user))
        reader_problem(reader, "sftp-username", user,
                       "has other characters than letters, digits, '.', '_' and '-'");
    else
        reader_copy(reader, user, &config->sftp_user);
    if (key && !fetch_host_key_is_valid(key))
        reader_problem(reader, "sftp-host-key", key,
                       "is no SHA-256 fingerprint, as ssh-keygen -l shows it");
    else
        reader_copy(reader, key, &config->sftp_host_key);
}

void read_enrollment(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char *const known[] = {
        "url", "retry-count", "retry-period", "legacy", "authentication-profile", NULL};
    json_object *enrollment = reader_object(reader, o, "enrollment", known);
    const char *url;

    if (!enrollment)
        return;
    read_retry(reader, enrollment, "retry-count", 1, RETRY_COUNT_MAX, &config->retry.count);
    read_retry(reader, enrollment, "retry-period", MINUTE, RETRY_PERIOD_MAX, &config->retry.period);
    reader_bool(reader, enrollment, "legacy", "enrollment legacy", &config->legacy);
    url = reader_string(reader, enrollment, "url", "enrollment url", CONFIG_URL_MAX);
    if (!url)
        return;
    if (streq(url, "terminal"))
        config->method = METHOD_TERMINAL;
    else if (streq(url, "local"))
        config->method = METHOD_LOCAL;
    else if (!streq(url, "self"))
        read_server(reader, o, url, config);
    else if (!streq(config->name, SYSTEM_TRUSTPOINT))
        reader_problem(reader, "enrollment url", url,
                       "only " SYSTEM_TRUSTPOINT " can enroll with itself");
    else
        config->method = METHOD_SELF;
}

/* 80, or "80" with a new key. */
static void read_percent(Reader *reader, json_object *o, TrustpointConfig *config)
{
    json_object *value;
    int64_t percent;

    if (!json_object_object_get_ex(o, "auto-enroll", &value))
        return;
    percent = json_object_get_int64(value);
    config->regenerate = json_object_is_type(value, json_type_string);
    if (percent < 1 || percent > 99 ||
        (!config->regenerate && !json_object_is_type(value, json_type_int)) ||
        (config->regenerate && strspn(json_object_get_string(value), "0123456789") !=
                                   strlen(json_object_get_string(value))))
        reader_problem(reader, "auto-enroll", NULL, "must be 1 to 99 percent");
    else
        config->auto_enroll = (unsigned)percent;
}

static void read_consumers(Reader *reader, json_object *renewal, const char *member,
                           bool (*is_valid)(const char *text), const char *words, const char *wrong,
                           char ***ret)
{
    json_object *list;
    char **strings;
    size_t n = 0;
    int r = json_get_array(renewal, member, &list);

    if (r == -ENOENT)
        return;
    if (r < 0) {
        reader_problem(reader, words, NULL, "must be a list");
        return;
    }
    if (json_object_array_length(list) > CONSUMERS_MAX) {
        reader_problem(reader, words, NULL, "can be there %u times at most", CONSUMERS_MAX);
        return;
    }
    strings = *ret = calloc(CONSUMERS_MAX + 1, sizeof(*strings));
    for (size_t i = 0; strings && reader->error >= 0 && i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);
        const char *text = json_object_get_string(item);

        if (!json_object_is_type(item, json_type_string) || !is_valid(text))
            reader_problem(reader, words, text, "%s", wrong);
        else if (!(strings[n++] = strdup(text)))
            reader->error = -ENOMEM;
    }
    if (!strings)
        reader->error = -ENOMEM;
}

void read_renewal(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char words[] = "renewal-message-type";
    static const char *const known[] = {"reload", "probe", NULL};
    const char *type = reader_string(reader, o, words, words, LABEL_MAX);
    json_object *renewal = reader_object(reader, o, "renewal", known);

    read_percent(reader, o, config);
    if (renewal) {
        read_consumers(reader, renewal, "reload", consumer_unit_is_valid, "renewal reload",
                       "is not the name of a service, such as nginx.service", &config->reload);
        read_consumers(reader, renewal, "probe", consumer_address_is_valid, "renewal probe",
                       "is not HOST:PORT, such as www.example.com:443 or [2001:db8::1]:443",
                       &config->probe);
    }
    if (!type)
        return;
    config->renew_by_certificate = streq(type, "renewalreq");
    if (!config->renew_by_certificate && !streq(type, "pkcsreq"))
        reader_problem(reader, words, type, "must be 'pkcsreq' or 'renewalreq'");
    else if (config->auto_enroll == 0)
        reader_problem(reader, words, type, "has an effect only with 'auto-enroll'");
}
