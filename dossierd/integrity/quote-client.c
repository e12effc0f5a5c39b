/* SPDX-License-Identifier: Apache-2.0 */
#include "quote-client.h"

#include <openssl/evp.h>
#include <sys/socket.h>

#include "helper-client.h"

#define SOCKET_PATH "/run/chancery/quote"
#define ANSWER_MAX (128U << 10)
#define BANKS_MAX 8U
#define REGISTERS_MAX 24U
#define NAME_MAX_LENGTH 16U
#define TPM_NAME_MAX 64U
#define VALUE_MAX 128U
#define BLOB_MAX 4096U
#define REASON_MAX 1024U

int quote_connect(void)
{
    return helper_connect(SOCKET_PATH, SOCK_NONBLOCK);
}

int quote_qualifying(const char *nonce, uint8_t ret[static QUOTE_QUALIFYING_SIZE])
{
    return EVP_Digest(nonce, strlen(nonce), ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

/* --- The check -------------------------------------------------------------------------------- */

static bool is_text(const char *s, size_t max, const char *allowed)
{
    size_t length = strlen(s);

    return length > 0 && length <= max && strspn(s, allowed) == length;
}

static int check_register(json_object *o, uint64_t *next)
{
    static const char *const members[] = {"index", "value", NULL};
    const char *value;
    uint64_t index;

    if (json_only_members(o, members) < 0 || json_get_uint64(o, "index", &index) < 0 ||
        json_get_string(o, "value", &value) < 0 || index < *next || index >= REGISTERS_MAX ||
        !is_text(value, VALUE_MAX, "0123456789abcdef"))
        return -EBADMSG;
    *next = index + 1;
    return 0;
}

static int check_bank(json_object *o)
{
    static const char *const members[] = {"hash-algorithm", "pcr", NULL};
    const char *algorithm;
    json_object *registers;
    uint64_t next = 0;

    if (!json_object_is_type(o, json_type_object) || json_only_members(o, members) < 0 ||
        json_get_string(o, "hash-algorithm", &algorithm) < 0 ||
        !is_text(algorithm, NAME_MAX_LENGTH, "abcdefghijklmnopqrstuvwxyz0123456789_") ||
        json_get_array(o, "pcr", &registers) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < json_object_array_length(registers); i++) {
        json_object *one = json_object_array_get_idx(registers, i);

        if (!json_object_is_type(one, json_type_object) || check_register(one, &next) < 0)
            return -EBADMSG;
    }
    return 0;
}

/* All three, or none. */
static int check_quote(json_object *o)
{
    static const char *const names[] = {"message", "signature", "public-key"};
    static const char base64[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    unsigned n = 0;
    const char *text;

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        int r = json_get_string(o, names[i], &text);

        if (r == -ENOENT)
            continue;
        if (r < 0 || !is_text(text, BLOB_MAX, base64))
            return -EBADMSG;
        n++;
    }
    if (json_get_string(o, "quote-reason", &text) != -ENOENT &&
        (json_get_string(o, "quote-reason", &text) < 0 || strlen(text) > REASON_MAX || n > 0))
        return -EBADMSG;
    return n == 0 || n == ELEMENTSOF(names) ? 0 : -EBADMSG;
}

static int check_answer(json_object *o)
{
    static const char *const members[] = {"tpm-name",   "banks",        "message", "signature",
                                          "public-key", "quote-reason", NULL};
    static const char *const refusal[] = {"error", "reason", NULL};
    const char *text;
    json_object *banks;
    uint64_t error;

    if (!json_object_is_type(o, json_type_object))
        return -EBADMSG;
    if (json_object_object_get_ex(o, "error", NULL))
        return json_only_members(o, refusal) >= 0 && json_get_uint64(o, "error", &error) >= 0 &&
                       error > 0 && error < 4096 && json_get_string(o, "reason", &text) >= 0 &&
                       strlen(text) <= REASON_MAX
                   ? 0
                   : -EBADMSG;
    if (json_only_members(o, members) < 0 || json_get_string(o, "tpm-name", &text) < 0 ||
        text[0] == 0 || strlen(text) > TPM_NAME_MAX || json_get_array(o, "banks", &banks) < 0 ||
        json_object_array_length(banks) > BANKS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < json_object_array_length(banks); i++)
        if (check_bank(json_object_array_get_idx(banks, i)) < 0)
            return -EBADMSG;
    return check_quote(o);
}

int quote_parse(const char *text, size_t size, json_object **ret)
{
    _cleanup_json_ json_object *o = NULL;
    int r = json_parse(text, size, &o);

    if (r >= 0)
        r = check_answer(o);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(o);
    return 0;
}

/* --- The exchange ----------------------------------------------------------------------------- */

static int send_question(int fd, const char *nonce)
{
    uint8_t digest[QUOTE_QUALIFYING_SIZE];
    int r;

    if (nonce) {
        r = quote_qualifying(nonce, digest);
        if (r < 0)
            return r;
        if (send(fd, digest, sizeof digest, MSG_NOSIGNAL) != (ssize_t)sizeof digest)
            return -EIO;
    }
    return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

int quote_ask(int fd, const char *nonce, bool (*should_stop)(void *userdata), void *userdata,
              json_object **ret)
{
    _cleanup_free_ char *buffer = malloc(ANSWER_MAX);
    size_t size = 0;
    ssize_t n;
    int r;

    if (!buffer)
        return -ENOMEM;
    r = send_question(fd, nonce);
    if (r < 0)
        return r;
    while ((n = helper_receive(fd, buffer + size, ANSWER_MAX - size, should_stop, userdata)) > 0) {
        size += (size_t)n;
        if (size == ANSWER_MAX)
            return -EBADMSG;
    }
    if (n < 0)
        return (int)n;
    return quote_parse(buffer, size, ret);
}
