/* SPDX-License-Identifier: Apache-2.0 */
#include "signer.h"

#include "errors.h"
#include "names.h"
#include "x509-render.h"

#define CALL_TIMEOUT_USEC (UINT64_C(30) * 1000000)

static int read_chain(sd_bus_message *m, EnvelopeSigner *s)
{
    int r;

    r = sd_bus_message_enter_container(m, 'a', "ay");
    if (r < 0)
        return r;
    for (;;) {
        const void *der;
        size_t size;

        r = sd_bus_message_at_end(m, false);
        if (r < 0)
            return r;
        if (r > 0)
            break;
        r = sd_bus_message_read_array(m, 'y', &der, &size);
        if (r < 0)
            return r;
        if (s->n_chain == ENVELOPE_CHAIN_MAX || size == 0 || size > CERTIFICATE_SIZE_MAX)
            return -EBADMSG;
        s->chain[s->n_chain++] = (EnvelopeCertificate){der, size};
    }
    r = sd_bus_message_exit_container(m);
    return r >= 0 && s->n_chain == 0 ? -EBADMSG : r;
}

static int read_signer(sd_bus_message *m, Signer *s)
{
    const char *label;
    int r;

    r = sd_bus_message_read(m, "sss", &s->envelope.algorithm, &label, &s->envelope.digest);
    if (r >= 0)
        r = read_chain(m, &s->envelope);
    if (r < 0)
        return r;
    s->label = strdup(label);
    return s->label ? 0 : -ENOMEM;
}

int signer_get(Signer *ret, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(signer_done) Signer s = {.label = NULL};
    int r;

    r = sd_bus_open_system_with_description(&bus, "signer");
    if (r < 0)
        return sd_bus_error_setf(reterr_error, ERROR_UNREACHABLE,
                                 "The system bus could not be reached: %s", strerror(-r));
    (void)sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT_USEC);
    r = sd_bus_call_method(bus, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "GetSigner",
                           reterr_error, &s.reply, NULL);
    if (r < 0)
        return r;
    r = read_signer(s.reply, &s);
    if (r < 0)
        return sd_bus_error_setf(reterr_error, ERROR_FAILED,
                                 "The answer of enrolld was not understood");
    *ret = s;
    s = (Signer){.label = NULL};
    return 0;
}

void signer_done(Signer *s)
{
    free(s->label);
    s->label = NULL;
    s->reply = sd_bus_message_unref(s->reply);
}

int signer_check(const EnvelopeSigner *s, int64_t now)
{
    _cleanup_(X509_freep) X509 *leaf = NULL;
    time_t at = (time_t)now;

    if (s->n_chain == 0 || certificate_parse(s->chain[0].der, s->chain[0].size, &leaf) < 0)
        return -EBADMSG;
    if (X509_cmp_time(X509_get0_notAfter(leaf), &at) <= 0)
        return -EKEYEXPIRED;
    if (X509_cmp_time(X509_get0_notBefore(leaf), &at) > 0)
        return -EKEYREJECTED;
    return 0;
}
