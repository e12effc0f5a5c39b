/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of the TPM: from the TPM itself, with its signature over them and the collector's
 * nonce, or from the kernel. */
#include <fcntl.h>

#include "integrity.h"
#include "quote-client.h"

#define TPM_CLASS "sys/class/tpm"
#define TPMS_MAX 16U
#define PCRS_MAX 64U

/* --- From the TPM ----------------------------------------------------------------------------- */

static bool should_stop(void *userdata)
{
    return collect_should_stop(userdata);
}

static void copy_string(JsonWriter *w, const char *name, json_object *from, const char *from_name)
{
    const char *text;

    if (json_get_string(from, from_name, &text) >= 0)
        json_write_bytes(w, name, text, strlen(text));
}

/* What is in the answer has been checked. */
static void write_answer(Collect *c, json_object *answer)
{
    JsonWriter *w = c->writer;
    json_object *banks;
    const char *reason;

    json_begin_array(w, "value");
    json_begin_object(w, NULL);
    copy_string(w, "tpm-name", answer, "tpm-name");
    json_write_uint64(w, "version", 2);
    if (json_get_array(answer, "banks", &banks) >= 0)
        json_write_object(w, "platform-config-registers", banks);
    copy_string(w, "pcr-quote", answer, "message");
    copy_string(w, "pcr-quote-signature", answer, "signature");
    copy_string(w, "pcr-quote-public-key", answer, "public-key");
    json_end_object(w);
    json_end_array(w);
    if (json_get_string(answer, "quote-reason", &reason) >= 0)
        fact_end(c, RESULT_PARTIAL, "The registers are not quoted: %s", reason);
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}

/* Returns 1 when the fact is written, 0 when there is no TPM to be asked, or a negative errno with
 * a reason. */
static int ask_tpm(Collect *c, char reason[static COLLECT_REASON_SIZE])
{
    const CollectHost *host = c->host;
    _cleanup_json_ json_object *answer = NULL;
    _cleanup_close_ int fd =
        host && host->connect_tpm ? host->connect_tpm(host->userdata) : -ENOENT;
    uint64_t error;
    const char *text;
    int r = fd;

    if (r == -ENOENT)
        return 0;
    if (r >= 0)
        r = quote_ask(fd, c->nonce, should_stop, c, &answer);
    if (r < 0) {
        (void)snprintf(reason, COLLECT_REASON_SIZE, "chancery-quote: %s", strerror(-r));
        return r;
    }
    if (json_get_uint64(answer, "error", &error) < 0) {
        write_answer(c, answer);
        return 1;
    }
    if (error == ENOENT)
        return 0;
    (void)json_get_string(answer, "reason", &text);
    (void)snprintf(reason, COLLECT_REASON_SIZE, "%s", text);
    return -(int)error;
}

/* --- From the kernel -------------------------------------------------------------------------- */

static bool is_hex(const char *s)
{
    return *s && strspn(s, "0123456789abcdefABCDEF") == strlen(s);
}

/* Returns the number of registers that were read. */
static unsigned write_bank(Collect *c, int tpm_fd, const char *bank, int *ret_error)
{
    _cleanup_(name_list_free) NameList registers = {NULL, 0};
    unsigned n = 0;
    int r;

    r = collect_list(tpm_fd, bank, PCRS_MAX, &registers);
    if (r < 0) {
        *ret_error = r;
        return 0;
    }
    json_begin_object(c->writer, NULL);
    json_write_string(c->writer, "hash-algorithm", bank + STRLEN("pcr-"));
    json_begin_array(c->writer, "pcr");
    for (size_t i = 0; i < registers.n; i++) {
        char path[600], value[256];

        (void)snprintf(path, sizeof path, "%s/%s", bank, registers.names[i]);
        r = collect_read(tpm_fd, path, value, sizeof value);
        if (r >= 0 && !is_hex(value))
            r = -EBADMSG;
        if (r < 0) {
            *ret_error = r;
            continue;
        }
        json_begin_object(c->writer, NULL);
        json_write_uint64(c->writer, "index", strtoull(registers.names[i], NULL, 10));
        json_write_string(c->writer, "value", value);
        json_end_object(c->writer);
        n++;
    }
    json_end_array(c->writer);
    json_end_object(c->writer);
    return n;
}

static unsigned write_tpm(Collect *c, int class_fd, const char *name, int *ret_error)
{
    _cleanup_(name_list_free) NameList entries = {NULL, 0};
    _cleanup_close_ int fd = openat(class_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t version;
    unsigned n = 0;
    int r = fd < 0 ? -errno : collect_list(fd, ".", 256, &entries);

    if (r < 0) {
        *ret_error = r;
        return 0;
    }
    json_begin_object(c->writer, NULL);
    json_write_string(c->writer, "tpm-name", name);
    if (collect_read_uint64(fd, "tpm_version_major", 10, &version) >= 0)
        json_write_uint64(c->writer, "version", version);
    json_begin_array(c->writer, "platform-config-registers");
    for (size_t i = 0; i < entries.n; i++)
        if (strncmp(entries.names[i], "pcr-", 4) == 0)
            n += write_bank(c, fd, entries.names[i], ret_error);
    json_end_array(c->writer);
    json_end_object(c->writer);
    return n;
}

/* reason: why the TPM itself was not asked, "" when there is none that could be. */
static void write_kernels(Collect *c, ResultCode code, const char *reason)
{
    _cleanup_(name_list_free) NameList tpms = {NULL, 0};
    _cleanup_close_ int class_fd = -EBADF;
    unsigned n = 0;
    int r, error = 0;

    r = collect_list(c->root_fd, TPM_CLASS, TPMS_MAX, &tpms);
    if (r == -ENOENT || (r >= 0 && tpms.n == 0)) {
        fact_end(c, code, "%s", reason[0] ? reason : "The kernel knows no TPM");
        return;
    }
    if (r >= 0) {
        class_fd = openat(c->root_fd, TPM_CLASS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = class_fd < 0 ? -errno : 0;
    }
    if (r < 0) {
        fact_end_errno(c, r, "/" TPM_CLASS);
        return;
    }
    json_begin_array(c->writer, "value");
    for (size_t i = 0; i < tpms.n; i++)
        n += write_tpm(c, class_fd, tpms.names[i], &error);
    json_end_array(c->writer);
    if (error < 0)
        fact_end(c, n > 0 ? RESULT_PARTIAL : RESULT_FAILED, "Not every register could be read: %s",
                 strerror(-error));
    else if (n == 0)
        fact_end(c, RESULT_NOT_AVAILABLE, "The kernel shows no registers of this TPM");
    else if (reason[0])
        fact_end(c, RESULT_PARTIAL, "The registers are not quoted: %s", reason);
    else
        fact_end(c, RESULT_SUCCESS, "%s", "");
}

void integrity_platform_config_registers(Collect *c)
{
    char reason[COLLECT_REASON_SIZE] = "";
    int r;

    fact_begin(c, "platform-config-registers");
    r = ask_tpm(c, reason);
    if (r <= 0)
        write_kernels(c, r < 0 ? result_code_from_errno(r) : RESULT_NOT_AVAILABLE, reason);
}
