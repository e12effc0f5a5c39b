/* SPDX-License-Identifier: Apache-2.0 */
/* What poold is told of trustpoints: whom they trust, and how their CA's certificates are checked
 * for revocation. */
#include "enrolld.h"
#include "json-util.h"
#include "memfd.h"
#include "org.chancery.Enrollment1.h"

static int write_certificate(JsonWriter *w, const char *name, const StoredCertificate *c)
{
    _cleanup_free_ char *text = c ? base64_encode(c->shared->der, c->shared->size) : NULL;

    if (c && !text)
        return -ENOMEM;
    if (text)
        json_write_string(w, name, text);
    return 0;
}

static int write_trustpoint(JsonWriter *w, const Trustpoint *t)
{
    int r = 0;

    json_begin_object(w, NULL);
    json_write_string(w, "name", t->name);
    json_write_bool(w, "crl-optional", t->config->crl_optional);
    if (t->config->peer_usage != PEER_USAGE_ANY)
        json_write_string(w, "extended-key-usage", peer_usage_name(t->config->peer_usage));
    if (t->config->query_url)
        json_write_string(w, "query-url", t->config->query_url);
    if (t->config->method == METHOD_EST && t->config->url)
        json_write_string(w, "server-url", t->config->url);
    /* Whether there is a certificate to ask with, by then, is found when it is asked. */
    if (t->config->method == METHOD_SCEP && !t->record.serial)
        json_write_string(w, "scep-url", t->config->url);
    if (t->config->vrf[0])
        json_write_string(w, "vrf", t->config->vrf);
    json_begin_array(w, "certificates");
    if (trustpoint_certificate(t, ROLE_CA)) {
        r = write_certificate(w, NULL, trustpoint_certificate(t, ROLE_CA));
        for (size_t i = 0; r >= 0 && i < t->record.n_chain; i++)
            r = write_certificate(w, NULL, t->record.chain[i]);
        for (size_t role = ROLE_CA + 1; r >= 0 && role < ROLE_MAX; role++)
            r = write_certificate(w, NULL, trustpoint_certificate(t, (CertificateRole)role));
        for (size_t i = 0; r >= 0 && i < t->record.n_next_chain; i++)
            r = write_certificate(w, NULL, t->record.next_chain[i]);
    }
    json_end_array(w);
    if (r >= 0)
        r = write_certificate(w, "next-ca", trustpoint_certificate(t, ROLE_NEXT_CA));
    json_end_object(w);
    return r;
}

static int write_trustpoints(const Trustpoints *trustpoints, int fd)
{
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);
    int r = w ? 0 : -ENOMEM, e;

    if (r < 0)
        return r;
    json_begin_array(w, NULL);
    for (const Trustpoint *t = trustpoints->first; r >= 0 && t; t = t->next)
        if (t->config)
            r = write_trustpoint(w, t);
    json_end_array(w);
    e = json_writer_finish(w);
    return r < 0 ? r : e;
}

int enrollment1_method_get_trustpoints(sd_bus_message *m, void *userdata,
                                       sd_bus_error *reterr_error)
{
    _cleanup_close_ int fd = memfd_new("trustpoints");
    const Manager *manager = userdata;
    int r;

    if (fd < 0)
        return fd;
    r = write_trustpoints(&manager->trustpoints, fd);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    r = memfd_seal(fd);
    return r < 0 ? r : sd_bus_reply_method_return(m, "h", fd);
}
