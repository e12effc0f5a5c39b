/* SPDX-License-Identifier: Apache-2.0 */
#include "impact.h"

#include <openssl/pem.h>
#include <time.h>

#include "export.h"
#include "fetch-client.h"
#include "json-util.h"
#include "trustpoints.h"
#include "verify.h"

#define PEER_SECONDS 30U

typedef struct Impact {
    const AuthorityList *before, *after;
    json_object *array;
    size_t n;
} Impact;

static int put_text(json_object *o, const char *member, const char *text)
{
    json_object *value = json_object_new_string(text);

    if (value && json_object_object_add(o, member, value) >= 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}

static int note(Impact *impact, const char *change, const char *member, const char *name,
                const char *reason)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    int r = o ? put_text(o, "change", change) : -ENOMEM;

    if (r >= 0)
        r = put_text(o, member, name);
    if (r >= 0)
        r = put_text(o, "reason", reason);
    if (r < 0)
        return r;
    if (json_object_array_add(impact->array, o) < 0)
        return -ENOMEM;
    (void)TAKE_PTR(o);
    impact->n++;
    return 0;
}

/* --- Trustpoints ------------------------------------------------------------------------------ */

/* The certificate first, then all others. */
static int write_chain(const PeerTrustpoint *t, int first, char **ret, size_t *ret_size)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long size;

    if (!bio || PEM_write_bio_X509(bio, sk_X509_value(t->certificates, first)) != 1)
        return -ENOMEM;
    for (int i = 0; i < sk_X509_num(t->certificates); i++)
        if (i != first && PEM_write_bio_X509(bio, sk_X509_value(t->certificates, i)) != 1)
            return -ENOMEM;
    size = BIO_get_mem_data(bio, &text);
    *ret = strndup(text, (size_t)size);
    *ret_size = (size_t)size;
    return *ret ? 0 : -ENOMEM;
}

/* Returns 1 when the certificate was good, and 0 when it was not; *ret_reason when it no longer
 * would be, NULL when it still is. What cannot be judged was not good. */
static int judge(const Impact *impact, const PeerTrustpoint *t, int which, const char **ret_reason)
{
    VerifyRequest request = {
        .purpose = "any", .time = time(NULL), .revocation = VERIFY_REVOCATION_NONE};
    _cleanup_free_ char *text = NULL;
    VerifyVerdict before, after;
    const char *reason;
    int r;

    r = write_chain(t, which, &text, &request.size);
    if (r < 0)
        return r;
    request.data = text;
    r = verify_chain(&request, impact->before, &before, &reason);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || !before.valid)
        return 0;
    r = verify_chain(&request, impact->after, &after, &reason);
    if (r < 0)
        return r;
    *ret_reason = after.valid ? NULL : after.reason;
    return 1;
}

/* The router's certificate is the last one; where that never led to the pool, it is about the CA's.
 */
static int note_trustpoint(Impact *impact, const PeerTrustpoint *t)
{
    for (int i = sk_X509_num(t->certificates) - 1; i >= 0; i--) {
        const char *reason = NULL;
        int r = judge(impact, t, i, &reason);

        if (r == 0)
            continue;
        return r < 0 || !reason ? r
                                : note(impact, "trustpoint-lost", "trustpoint", t->name, reason);
    }
    return 0;
}

/* --- Peers ------------------------------------------------------------------------------------ */

/* Not to be had in one byte: it is the handshake that counts. Returns 1 when it succeeds, and 0
 * with *ret_reason when not. */
static int shakes_hands(const ImpactPeer *peer, const AuthorityList *authorities, int cancel_fd,
                        char **ret_reason)
{
    _cleanup_(fetch_reply_done) FetchReply reply = {0};
    FetchRequest request = {
        .url = peer->url, .size_max = 1, .timeout_seconds = PEER_SECONDS, .route = peer->route};
    _cleanup_free_ char *anchors = NULL;
    size_t size;
    int r = export_bundle(authorities, &anchors, &size);

    if (r < 0)
        return r;
    if (size == 0) {
        *ret_reason = strdup("no CA certificate would be left");
        return *ret_reason ? 0 : -ENOMEM;
    }
    request.trust_anchors = anchors;
    r = fetch(&request, cancel_fd, &reply);
    if (r >= 0 || r == -EMSGSIZE)
        return 1;
    if (r != -EHOSTUNREACH)
        return r;
    *ret_reason = TAKE_PTR(reply.error);
    return 0;
}

static int note_peer(Impact *impact, const ImpactPeer *peer, int cancel_fd)
{
    _cleanup_free_ char *was = NULL, *reason = NULL;
    int r;

    if (!peer->url || !fetch_url_is_https(peer->url))
        return 0;
    r = shakes_hands(peer, impact->before, cancel_fd, &was);
    if (r <= 0)
        return r; /* what cannot be reached now is not lost by the import */
    r = shakes_hands(peer, impact->after, cancel_fd, &reason);
    if (r != 0)
        return r < 0 ? r : 0;
    return note(impact, "peer-lost", "peer", peer->url, reason ?: "");
}

int impact_tell(const AuthorityList *before, const AuthorityList *after, const ImpactPeer *peer,
                int cancel_fd, json_object *array, size_t *ret_n)
{
    _cleanup_(trustpoints_freep) Trustpoints *trustpoints = NULL;
    Impact impact = {.before = before, .after = after, .array = array};
    int r = trustpoints_ask(&trustpoints);

    for (size_t i = 0; r >= 0 && i < trustpoints->n; i++)
        r = note_trustpoint(&impact, &trustpoints->items[i]);
    if (r >= 0)
        r = note_peer(&impact, peer, cancel_fd);
    if (r < 0)
        return r;
    *ret_n = impact.n;
    return 0;
}
