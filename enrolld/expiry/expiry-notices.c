/* SPDX-License-Identifier: Apache-2.0 */
#include "expiry-notices.h"

#include "atomic-file.h"
#include "json-util.h"
#include "rollover.h"

#define FILE_NAME "expiry-notices"
#define FILE_SIZE_MAX (EXPIRY_NOTICES_MAX * (EXPIRY_KEY_SIZE + 16U))

void expiry_notices_done(ExpiryNotices *notices)
{
    free(notices->items);
    *notices = (ExpiryNotices){};
}

static ExpiryNotice *find(const ExpiryNotices *notices, const char *key)
{
    for (size_t i = 0; i < notices->n; i++)
        if (streq(notices->items[i].key, key))
            return &notices->items[i];
    return NULL;
}

static void make_key(const Trustpoint *t, CertificateRole role, char ret[EXPIRY_KEY_SIZE])
{
    (void)snprintf(ret, EXPIRY_KEY_SIZE, "%s/%s", t->name,
                   trustpoint_certificate(t, role)->brief->sha256_fingerprint);
}

unsigned expiry_notices_given(const ExpiryNotices *notices, const Trustpoint *t,
                              CertificateRole role)
{
    char key[EXPIRY_KEY_SIZE];
    const ExpiryNotice *notice;

    make_key(t, role, key);
    notice = find(notices, key);
    return notice ? notice->step : 0;
}

static int add(ExpiryNotices *notices, const char *key, ExpiryNotice **ret)
{
    ExpiryNotice *grown;

    if (notices->n >= EXPIRY_NOTICES_MAX)
        return -E2BIG;
    grown = reallocarray(notices->items, notices->n + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    notices->items = grown;
    *ret = &grown[notices->n++];
    **ret = (ExpiryNotice){};
    (void)snprintf((*ret)->key, sizeof((*ret)->key), "%s", key);
    return 0;
}

static int parse(ExpiryNotices *notices, const char *text, size_t size)
{
    _cleanup_json_ json_object *o = NULL;
    int r;

    r = json_parse(text, size, &o);
    if (r < 0)
        return r;
    if (!json_object_is_type(o, json_type_object))
        return -EBADMSG;
    json_object_object_foreach(o, key, value)
    {
        ExpiryNotice *notice;
        uint64_t step;

        (void)value;
        if (strlen(key) >= EXPIRY_KEY_SIZE || json_get_uint64(o, key, &step) < 0 ||
            step > EXPIRY_STEPS)
            return -EBADMSG;
        r = add(notices, key, &notice);
        if (r < 0)
            return r;
        notice->step = (unsigned)step;
    }
    return 0;
}

int expiry_notices_load_at(ExpiryNotices *notices, int dirfd)
{
    _cleanup_free_ void *text = NULL;
    size_t size;
    int r;

    r = read_state_at(dirfd, FILE_NAME, FILE_SIZE_MAX, &text, &size);
    if (r == -ENOENT)
        return 0;
    if (r >= 0) {
        r = parse(notices, text, size);
        r = r < 0 ? state_parse_error(r) : 0;
    }
    if (r == -EBADMSG) {
        expiry_notices_done(notices);
        (void)quarantine_at(dirfd, FILE_NAME);
    }
    return r;
}

int expiry_notices_save_at(const ExpiryNotices *notices, int dirfd)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    const char *text;

    for (size_t i = 0; o && i < notices->n; i++) {
        json_object *step = json_object_new_uint64(notices->items[i].step);

        if (!step || json_object_object_add(o, notices->items[i].key, step) < 0) {
            json_object_put(step);
            return -ENOMEM;
        }
    }
    text = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : NULL;
    return text ? atomic_write_at(dirfd, FILE_NAME, text, strlen(text), 0600) : -ENOMEM;
}

bool expiry_is_watched(const Trustpoint *t, CertificateRole role)
{
    const StoredCertificate *c = trustpoint_certificate(t, role);

    /* What follows without a gap is all the notice that is needed; the signal's listeners, SNMP
     * among them, rely on this. */
    if (role == ROLE_NEXT_CA || (role == ROLE_CA && rollover_has_successor(t)))
        return false;
    if (role != ROLE_CA)
        return c && c->key.pair == PAIR_GENERAL;
    return c &&
           (trustpoint_certificate(t, ROLE_ROUTER) || trustpoint_certificate(t, ROLE_ENCRYPTION));
}

typedef struct Run {
    ExpiryNotices *notices;
    int64_t now;
    bool changed;
    expiry_notice_t give;
    void *userdata;
} Run;

static int run_one(Run *run, const Trustpoint *t, CertificateRole role)
{
    const CertificateBrief *brief = trustpoint_certificate(t, role)->brief;
    unsigned step = expiry_step(brief->not_after, run->now);
    char key[EXPIRY_KEY_SIZE];
    ExpiryNotice *notice;
    int r;

    make_key(t, role, key);
    notice = find(run->notices, key);
    if (!notice && step == 0)
        return 0;
    if (!notice) {
        r = add(run->notices, key, &notice);
        if (r < 0)
            return r;
    }
    notice->seen = true;
    if (expiry_given_too_early(brief->not_after, notice->step, run->now)) {
        notice->step = step;
        run->changed = true;
        run->give(run->userdata, t, role, 0);
    }
    if (step <= notice->step)
        return 0;
    notice->step = step;
    run->changed = true;
    run->give(run->userdata, t, role, step);
    return 0;
}

static bool drop_unseen(ExpiryNotices *notices)
{
    size_t kept = 0;
    bool dropped;

    for (size_t i = 0; i < notices->n; i++)
        if (notices->items[i].seen)
            notices->items[kept++] = notices->items[i];
    dropped = kept < notices->n;
    notices->n = kept;
    return dropped;
}

int expiry_notices_run(ExpiryNotices *notices, const Trustpoints *trustpoints, int64_t now,
                       expiry_notice_t give, void *userdata)
{
    Run run = {.notices = notices, .now = now, .give = give, .userdata = userdata};
    int r = 0;

    for (size_t i = 0; i < notices->n; i++)
        notices->items[i].seen = false;
    for (const Trustpoint *t = trustpoints->first; t && r >= 0; t = t->next)
        for (CertificateRole role = 0; role < ROLE_MAX && r >= 0; role++)
            if (expiry_is_watched(t, role))
                r = run_one(&run, t, role);
    if (r < 0)
        return r;
    /* Those of what cannot be read now are wanted when it can be. */
    return (trustpoints->n_unread == 0 && drop_unseen(notices)) || run.changed;
}
