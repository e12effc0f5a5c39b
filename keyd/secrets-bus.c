/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.Keys1.Secrets: passwords of the configuration. */
#include "errors.h"
#include "keyd.h"
#include "memfd.h"
#include "names.h"
#include "org.chancery.Keys1.h"
#include "secret-box.h"
#include "secure-memory.h"

static int check(const Keyd *k, const char *purpose, sd_bus_error *reterr_error)
{
    if (!streq(purpose, SECRET_CHALLENGE) && !streq(purpose, SECRET_SFTP) &&
        !streq(purpose, SECRET_CLIENT))
        return sd_bus_error_setf(reterr_error, ERROR_PURPOSE_REFUSED,
                                 "Nothing is sealed for the purpose '%.32s'", purpose);
    if (!k->secrets)
        return sd_bus_error_setf(reterr_error, ERROR_NOT_CONFIGURED,
                                 "There is no key-encryption key, or the file '" SECRET_BOX_FILE
                                 "' was sealed under another one; see chancery-keyd(8)");
    return 0;
}

int keys1_secrets_method_seal(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_free_ char *sealed = NULL;
    const Keyd *k = userdata;
    const char *purpose;
    void *clear = NULL;
    size_t size = 0;
    int fd, r;

    r = sd_bus_message_read(m, "sh", &purpose, &fd);
    if (r >= 0)
        r = check(k, purpose, reterr_error);
    if (r < 0)
        return r;
    r = memfd_read(fd, SECRET_MAX, &clear, &size);
    if (r >= 0)
        r = secret_box_seal(k->secrets, purpose, (DerSpan){clear, size}, &sealed);
    if (clear)
        explicit_bzero(clear, size);
    free(clear);
    if (r < 0)
        return r == -ENOMEM ? r
                            : sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                                "A secret is text of 1 to %u bytes, in a sealed "
                                                "memory file",
                                                SECRET_MAX);
    return sd_bus_reply_method_return(m, "s", sealed);
}

int keys1_secrets_method_open(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_secure_free_ char *clear = NULL;
    const char *purpose, *sealed;
    const Keyd *k = userdata;
    int r;

    r = sd_bus_message_read(m, "ss", &purpose, &sealed);
    if (r >= 0)
        r = check(k, purpose, reterr_error);
    if (r < 0)
        return r;
    r = secret_box_unseal(k->secrets, purpose, sealed, &clear);
    if (r < 0)
        return r == -ENOMEM ? r
                            : sd_bus_error_setf(reterr_error, ERROR_VERIFICATION_FAILED,
                                                "What is configured was not sealed by this "
                                                "router: enter it again, in clear");
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_sensitive(reply);
    if (r >= 0)
        r = sd_bus_message_append_array(reply, 'y', clear, strlen(clear));
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

int secrets_bus_init(Keyd *k)
{
    return server_add_object(k->server, KEYS_PATH, &keys1_secrets_interface, k);
}
