/* SPDX-License-Identifier: Apache-2.0 */
/* The members of org.chancery.TrustPool1 that are about CRLs and answers of OCSP responders. */
#include "errors.h"
#include "fetch-url.h"
#include "json-util.h"
#include "label.h"
#include "log.h"
#include "memfd.h"
#include "names.h"
#include "org.chancery.TrustPool1.h"
#include "poold.h"

static void write_crl(JsonWriter *w, const CrlEntry *entry)
{
    const Crl *crl = entry->crl;

    json_begin_object(w, NULL);
    json_write_string(w, "issuer", crl->issuer);
    json_write_int64(w, "this-update", crl->this_update);
    json_write_int64(w, "next-update", crl->next_update);
    json_write_string(w, "number", crl->number);
    json_write_bool(w, "delta", crl->delta);
    json_write_bool(w, "indirect", crl->indirect);
    json_write_uint64(w, "entries", crl->entries);
    json_write_uint64(w, "size", crl->der_size);
    json_write_string(w, "url", crl->url);
    json_write_int64(w, "fetched", entry->times.fetched);
    json_write_uint64(w, "failures", entry->times.failures);
    json_write_hex(w, "sha256-fingerprint", crl->digest, sizeof crl->digest);
    json_end_object(w);
}

static void write_answer(JsonWriter *w, const OcspEntry *entry)
{
    const OcspAnswer *answer = &entry->answer;

    json_begin_object(w, NULL);
    json_write_hex(w, "certificate", entry->key, SHA256_DIGEST_LENGTH);
    json_write_bool(w, "revoked", answer->revoked);
    json_write_string(w, "responder", answer->responder);
    json_write_int64(w, "this-update", answer->this_update);
    json_write_int64(w, "next-update", answer->next_update);
    json_end_object(w);
}

typedef struct List {
    int fd;
    JsonWriter *w;
} List;

static void list_done(List *list)
{
    json_writer_free(list->w);
    closep(&list->fd);
}

/* An array in a memory file. */
static int list_begin(const char *name, List *list)
{
    list->fd = memfd_new(name);
    if (list->fd < 0)
        return list->fd;
    list->w = json_writer_new(list->fd);
    if (!list->w)
        return -ENOMEM;
    json_begin_array(list->w, NULL);
    return 0;
}

static int list_answer(List *list, sd_bus_message *m)
{
    int r;

    json_end_array(list->w);
    r = json_writer_finish(list->w);
    if (r < 0)
        return r;
    if (lseek(list->fd, 0, SEEK_SET) < 0)
        return -errno;
    r = memfd_seal(list->fd);
    return r < 0 ? r : sd_bus_reply_method_return(m, "h", list->fd);
}

int trust_pool1_method_list_crls(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(list_done) List list = {.fd = -1};
    const CrlCache *cache = ((const Poold *)userdata)->crls;
    int r = list_begin("crls", &list);

    for (size_t i = 0; r >= 0 && i < cache->n; i++)
        write_crl(list.w, &cache->entries[i]);
    return r < 0 ? r : list_answer(&list, m);
}

int trust_pool1_method_list_ocsp_answers(sd_bus_message *m, void *userdata,
                                         sd_bus_error *reterr_error)
{
    _cleanup_(list_done) List list = {.fd = -1};
    _cleanup_free_ OcspEntry *entries = NULL;
    const Poold *poold = userdata;
    size_t n = 0;
    int r = ocsp_cache_list(poold->answers, time(NULL), &entries, &n);

    if (r >= 0)
        r = list_begin("ocsp-answers", &list);
    for (size_t i = 0; r >= 0 && i < n; i++)
        write_answer(list.w, &entries[i]);
    return r < 0 ? r : list_answer(&list, m);
}

int trust_pool1_method_request_crl(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *what, *reason;
    int r = sd_bus_message_read(m, "s", &what);

    if (r < 0)
        return r;
    if (strlen(what) > CRL_URL_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT, "The URL is too long");
    if (!label_is_valid(what) && fetch_url_check_crl(what, &reason) < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A CRL is requested by the name of a trustpoint or by a URL: %s",
                                 reason);
    return crl_jobs_request(userdata, m, what, reterr_error);
}

/* --- Clearing --------------------------------------------------------------------------------- */

typedef struct Clearing {
    Poold *poold;
    sd_bus_message *m;
    uint32_t removed;
} Clearing;

static void clearing_free(void *userdata)
{
    Clearing *clearing = userdata;

    sd_bus_message_unref(clearing->m);
    free(clearing);
}

static int clearing_run(Job *job, void *userdata)
{
    const Clearing *clearing = userdata;

    return crl_jobs_write(clearing->poold);
}

static int clearing_done(Job *job, void *userdata, int r)
{
    const Clearing *clearing = userdata;
    sd_bus *bus = server_bus(clearing->poold->server);

    if (clearing->removed > 0)
        (void)sd_bus_emit_signal(bus, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "CrlsCleared", NULL);
    r = r < 0 ? sd_bus_reply_method_errno(clearing->m, r, NULL)
              : sd_bus_reply_method_return(clearing->m, "u", clearing->removed);
    if (r < 0)
        log_warning_errno(r, "It cannot be told that CRLs were cleared, ignoring: %m");
    return 0;
}

/* The answer comes when their files are gone. */
static int answer_when_removed(Poold *poold, sd_bus_message *m, int removed)
{
    JobWork work = {.kind = "crl-clear",
                    .run = clearing_run,
                    .done = clearing_done,
                    .free_data = clearing_free};
    Clearing *clearing = calloc(1, sizeof *clearing);
    int r;

    if (!clearing)
        return -ENOMEM;
    *clearing = (Clearing){poold, sd_bus_message_ref(m), (uint32_t)removed};
    work.data = clearing;
    r = job_start_internal(poold->server, &work);
    return r < 0 ? r : 1;
}

int trust_pool1_method_clear_crls(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    static const LogEvent event = {LOG_CRL_UPDATED};
    _cleanup_free_ char *user = NULL;
    Poold *poold = userdata;
    int removed, r = bus_sender_name(m, &user);

    if (r < 0)
        return r;
    poold_changed(poold);
    if (ocsp_cache_clear(poold->answers))
        (void)sd_bus_emit_signal(server_bus(poold->server), TRUSTPOOL_PATH, TRUSTPOOL_NAME,
                                 "OcspAnswersChanged", NULL);
    crl_questions_forget(poold->questions);
    removed = crl_cache_clear(poold->crls);
    crl_refresh_arm(poold->crl_refresh);
    if (removed < 0)
        return log_error_errno(removed, "Failed to remove the CRLs: %m");
    log_event(&event, LOG_FIELDS("USER", user), "CRLs cleared by %s: %d removed", user, removed);
    return answer_when_removed(poold, m, removed);
}
