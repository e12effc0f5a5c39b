/* SPDX-License-Identifier: Apache-2.0 */
#include "impact.h"

#include <openssl/pem.h>
#include <time.h>

#include "export.h"
#include "fetch-client.h"
#include "fetch-url.h"
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
    VerifyRequest request = {.purpose = "any",
                             .time = time(NULL),
                             .revocation = VERIFY_REVOCATION_NONE,
                             .lenient = true};
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

/* The router's certificates, the CA's, what it came with, and what is to follow: the first of them
 * that leads to the pool now and would not. */
static int note_trustpoint(Impact *impact, const PeerTrustpoint *t)
{
    for (int i = sk_X509_num(t->certificates) - 1; i >= 0; i--) {
        const char *reason = NULL;
        int r = judge(impact, t, i, &reason);

        if (r < 0)
            return r;
        if (r > 0 && reason)
            return note(impact, "trustpoint-lost", "trustpoint", t->name, reason);
    }
    return 0;
}

/* --- Peers ------------------------------------------------------------------------------------ */

/* One of them; trustpoint: the one whose server it is, whose CAs are as good as the pool's. */
typedef struct Peer {
    const char *url;
    FetchRoute route;
    const PeerTrustpoint *trustpoint; /* may be NULL */
    Checker *checker;
} Peer;

static int write_anchors(const Peer *peer, const AuthorityList *authorities, char **ret)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    _cleanup_free_ char *bundle = NULL;
    size_t size;
    char *text;
    long length;
    int r = bio ? export_bundle(authorities, &bundle, &size) : -ENOMEM;

    if (r < 0)
        return r;
    for (int i = 0; peer->trustpoint && i < sk_X509_num(peer->trustpoint->certificates); i++) {
        X509 *certificate = sk_X509_value(peer->trustpoint->certificates, i);

        if (X509_check_ca(certificate) > 0 && PEM_write_bio_X509(bio, certificate) != 1)
            return -ENOMEM;
    }
    if (size > 0 && BIO_write(bio, bundle, (int)size) != (int)size)
        return -ENOMEM;
    length = BIO_get_mem_data(bio, &text);
    *ret = strndup(text, (size_t)length);
    return *ret ? 0 : -ENOMEM;
}

/* The handshake, and what the policy says about revocation. */
static int fetch_from(const Peer *peer, const char *anchors, int cancel_fd, FetchReply *reply)
{
    /* Not to be had in one byte: it is the handshake that counts. */
    const FetchRequest request = {.url = peer->url,
                                  .size_max = 1,
                                  .timeout_seconds = PEER_SECONDS,
                                  .route = &peer->route,
                                  .trust_anchors = anchors,
                                  .judge = checker_judge,
                                  .judge_data = peer->checker};

    return fetch(&request, cancel_fd, reply);
}

/* Returns 1 when it succeeds, and 0 with *ret_reason when not. */
static int shakes_hands(const Peer *peer, const AuthorityList *authorities, int cancel_fd,
                        char **ret_reason)
{
    _cleanup_(fetch_reply_done) FetchReply reply = {0};
    const AuthorityList *kept = peer->checker->authorities;
    _cleanup_free_ char *anchors = NULL;
    int r = write_anchors(peer, authorities, &anchors);

    if (r < 0)
        return r;
    if (!*anchors) {
        *ret_reason = strdup("no CA certificate would be left");
        return *ret_reason ? 0 : -ENOMEM;
    }
    peer->checker->preferred = peer->trustpoint ? peer->trustpoint->name : NULL;
    peer->checker->authorities = authorities;
    r = fetch_from(peer, anchors, cancel_fd, &reply);
    peer->checker->authorities = kept;
    peer->checker->preferred = NULL;
    if (r >= 0 || r == -EMSGSIZE)
        return 1;
    if (r != -EHOSTUNREACH)
        return r;
    *ret_reason = TAKE_PTR(reply.error);
    return 0;
}

static int note_peer(Impact *impact, const Peer *peer, int cancel_fd)
{
    _cleanup_free_ char *was = NULL, *reason = NULL;
    int r;

    if (!peer->url || !fetch_url_is_https(peer->url))
        return 0;
    r = shakes_hands(peer, impact->before, cancel_fd, &was);
    if (r <= 0)
        return r; /* what is refused or cannot be reached now is not lost by the import */
    r = shakes_hands(peer, impact->after, cancel_fd, &reason);
    if (r != 0)
        return r < 0 ? r : 0;
    return note(impact, "peer-lost", "peer", peer->url, reason ?: "");
}

/* Has one before it the same server, and the same CA? */
static bool is_asked_already(const Trustpoints *trustpoints, size_t which)
{
    const PeerTrustpoint *t = &trustpoints->items[which];

    for (size_t i = 0; i < which; i++)
        if (streq_ptr(trustpoints->items[i].server_url, t->server_url) &&
            memcmp(trustpoints->items[i].ca, t->ca, sizeof t->ca) == 0)
            return true;
    return false;
}

static int note_servers(Impact *impact, const Trustpoints *trustpoints, const ImpactPeers *peers,
                        int cancel_fd)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < trustpoints->n; i++) {
        const PeerTrustpoint *t = &trustpoints->items[i];

        /* Before there is a CA, nobody is asked who the server is. */
        if (t->server_url && t->has_ca && !is_asked_already(trustpoints, i))
            r = note_peer(impact,
                          &(Peer){.url = t->server_url,
                                  .route = fetch_access_route(peers->access, t->vrf),
                                  .trustpoint = t,
                                  .checker = peers->checker},
                          cancel_fd);
    }
    return r;
}

int impact_tell(const AuthorityList *before, const AuthorityList *after, const ImpactPeers *peers,
                int cancel_fd, json_object *array, size_t *ret_n)
{
    _cleanup_(trustpoints_freep) Trustpoints *trustpoints = NULL;
    Impact impact = {.before = before, .after = after, .array = array};
    int r = trustpoints_ask(NULL, cancel_fd, &trustpoints);

    for (size_t i = 0; r >= 0 && i < trustpoints->n; i++)
        r = note_trustpoint(&impact, &trustpoints->items[i]);
    if (r >= 0)
        r = note_peer(&impact,
                      &(Peer){.url = peers->url, .route = *peers->route, .checker = peers->checker},
                      cancel_fd);
    if (r >= 0)
        r = note_servers(&impact, trustpoints, peers, cancel_fd);
    if (r < 0)
        return r;
    *ret_n = impact.n;
    return 0;
}
