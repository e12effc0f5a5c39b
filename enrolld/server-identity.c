/* SPDX-License-Identifier: Apache-2.0 */
/* Who the router is to a server: the certificate that TLS shows, and the user of a profile. */
#include "enrolld.h"
#include "keyd-client.h"
#include "names.h"
#include "server-method.h"

/* --- TLS -------------------------------------------------------------------------------------- */

static int take(TlsIdentity *tls, const StoredCertificate *above)
{
    X509 *x;

    if (!above || tls->n_chain >= ELEMENTSOF(tls->chain))
        return 0;
    x = stored_certificate_x509(above);
    if (!x)
        return -ENOMEM;
    tls->chain[tls->n_chain++] = x;
    return 0;
}

int tls_identity_init(TlsIdentity *tls, const Manager *m, const Trustpoint *t)
{
    const char *other = t->config->tls_trustpoint;
    const StoredCertificate *own;
    int r;

    *tls = (TlsIdentity){.trustpoint = NULL};
    if (other && !(tls->trustpoint = strdup(other)))
        return -ENOMEM;
    if (other)
        t = trustpoint_find(&m->trustpoints, other);
    own = t ? trustpoint_certificate(t, ROLE_ROUTER) : NULL;
    if (!own)
        return 0;
    if (key_name_copy(&own->key, &tls->key) < 0)
        return -ENOMEM;
    tls->certificate = stored_certificate_x509(own);
    r = tls->certificate ? take(tls, trustpoint_certificate(t, ROLE_CA)) : -ENOMEM;
    for (size_t i = 0; r >= 0 && i < t->record.n_chain; i++)
        r = take(tls, t->record.chain[i]);
    return r;
}

void tls_identity_done(TlsIdentity *tls)
{
    free(tls->trustpoint);
    X509_free(tls->certificate);
    key_name_done(&tls->key);
    for (size_t i = 0; i < tls->n_chain; i++)
        X509_free(tls->chain[i]);
}

int tls_identity_check(const TlsIdentity *tls, int64_t now, char reason[SERVER_REASON_SIZE])
{
    time_t time = (time_t)now;
    /* Nobody believes one that has ended. */
    bool valid = tls->certificate && X509_cmp_time(X509_get0_notAfter(tls->certificate), &time) > 0;

    if (valid || !tls->trustpoint)
        return valid;
    (void)snprintf(reason, SERVER_REASON_SIZE,
                   "the ssl-profile shows the certificate of trustpoint %s, which %s: crypto ca "
                   "enroll %s",
                   tls->trustpoint, tls->certificate ? "has ended" : "has none yet",
                   tls->trustpoint);
    return -ENOKEY;
}

/* --- Profiles --------------------------------------------------------------------------------- */

int server_set_profile(ServerJob *j, const TrustpointConfig *config, bool renewal)
{
    const ClientProfile *profile = renewal ? &config->renewal : &config->enrollment;

    if (!profile->user)
        return 0;
    j->profile.user = strdup(profile->user);
    j->profile.password = strdup(profile->password);
    return j->profile.user && j->profile.password ? 0 : -ENOMEM;
}

int server_open_profile(ServerJob *j)
{
    int r;

    if (j->identity || !j->profile.user)
        return 0;
    r = keyd_secret_open(SECRET_CLIENT, j->profile.password, &j->secret);
    if (r < 0) {
        (void)snprintf(j->reason, sizeof(j->reason),
                       "the password of its authentication-profile cannot be opened: %.300s",
                       keyd_last_error());
        return r;
    }
    j->identity = strdup(j->profile.user);
    return j->identity ? 0 : -ENOMEM;
}
