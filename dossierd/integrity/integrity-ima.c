/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel measured at run time: the list of the integrity measurement architecture. */
#include "ima-log.h"
#include "integrity.h"

#define IMA_LOG_FILE "sys/kernel/security/ima/binary_runtime_measurements"
#define IMA_VIOLATIONS_FILE "sys/kernel/security/ima/violations"

static int write_event(JsonWriter *w, const ImaEvent *e)
{
    _cleanup_free_ char *data = NULL;

    json_begin_object(w, NULL);
    json_write_uint64(w, "event-number", e->number);
    json_write_uint64(w, "pcr-index", e->pcr_index);
    json_write_bytes(w, "ima-template", e->template_name, strlen(e->template_name));
    json_write_string(w, "template-hash-algorithm", "sha1");
    json_write_hex(w, "template-hash", e->template_hash, sizeof e->template_hash);
    if (e->is_violation)
        json_write_bool(w, "violation", true);
    if (e->is_known) {
        json_write_bytes(w, "filename-hint", e->file_name.data, e->file_name.size);
        json_write_string(w, "filedata-hash-algorithm", e->hash_algorithm);
        json_write_hex(w, "filedata-hash", e->file_hash.data, e->file_hash.size);
        if (e->signature.size > 0)
            json_write_hex(w, "signature", e->signature.data, e->signature.size);
    }
    /* The bytes that the template hash is over, so that whoever holds a quote of the register can
     * replay the list. */
    data = base64_encode(e->template_data.data, e->template_data.size);
    if (data)
        json_write_string(w, "template-data", data);
    json_end_object(w);
    return data ? 0 : -ENOMEM;
}

static int write_events(Collect *c, FILE *f, uint64_t *ret_number)
{
    _cleanup_(ima_log_done) ImaLog log;
    ImaEvent event;
    int r = 0;

    ima_log_init(&log, f);
    json_begin_array(c->writer, "ima-event-log");
    while (!collect_should_stop(c) && (r = ima_log_next(&log, &event)) > 0) {
        r = write_event(c->writer, &event);
        if (r < 0)
            break;
    }
    json_end_array(c->writer);
    *ret_number = log.number;
    return r;
}

void integrity_ima_event_log(Collect *c)
{
    _cleanup_fclose_ FILE *f = NULL;
    uint64_t number, violations;
    int r;

    fact_begin(c, "ima-event-log");
    r = collect_open(c->root_fd, IMA_LOG_FILE, &f);
    if (r == -ENOENT) {
        fact_end(c, RESULT_NOT_AVAILABLE, "The kernel does not measure files (IMA)");
        return;
    }
    if (r < 0) {
        fact_end_errno(c, r, "/" IMA_LOG_FILE);
        return;
    }
    json_begin_object(c->writer, "value");
    if (collect_read_uint64(c->root_fd, IMA_VIOLATIONS_FILE, 10, &violations) >= 0)
        json_write_uint64(c->writer, "violations", violations);
    r = write_events(c, f, &number);
    json_end_object(c->writer);
    if (r < 0)
        fact_end(c, RESULT_PARTIAL, "The list does not parse after event %llu",
                 (unsigned long long)number);
    else if (collect_should_stop(c))
        fact_end(c, RESULT_TIMEOUT, "Reading the list took too long");
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}
