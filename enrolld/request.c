/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include "json-util.h"
#include "label.h"
#include "x509-render.h"

#define TRANSACTION_MAX 128U

static int parse(const void *der, size_t size, X509_REQ **ret)
{
    const unsigned char *p = der;
    X509_REQ *x509;

    if (size > CERTIFICATE_SIZE_MAX)
        return -EMSGSIZE;
    x509 = d2i_X509_REQ(NULL, &p, (long)size);
    if (x509 && p == (const unsigned char *)der + size && X509_REQ_get0_pubkey(x509) &&
        X509_REQ_verify(x509, X509_REQ_get0_pubkey(x509)) == 1) {
        *ret = x509;
        return 0;
    }
    X509_REQ_free(x509);
    ERR_clear_error();
    return -EBADMSG;
}

int request_new(EnrollmentMethod method, const void *der, size_t size, const KeyName *key,
                Request **ret)
{
    _cleanup_(X509_REQ_freep) X509_REQ *x509 = NULL;
    int r = parse(der, size, &x509);

    if (r >= 0)
        r = request_new_made(method, x509, der, size, key, ret);
    if (r >= 0)
        TAKE_PTR(x509);
    return r;
}

int request_new_made(EnrollmentMethod method, X509_REQ *x509, const void *der, size_t size,
                     const KeyName *key, Request **ret)
{
    _cleanup_(request_freep) Request *request = calloc(1, sizeof(*request));
    int r;

    if (size > CERTIFICATE_SIZE_MAX)
        return -EMSGSIZE;
    if (!request)
        return -ENOMEM;
    request->method = method;
    r = key_name_copy(key, &request->key);
    if (r < 0)
        return r;
    request->der = malloc(size);
    if (!request->der)
        return -ENOMEM;
    memcpy(request->der, der, size);
    request->size = size;
    request->x509 = x509;
    *ret = TAKE_PTR(request);
    return 0;
}

void request_set_session(Request *request, void *session, void (*session_free)(void *session))
{
    if (request->session)
        request->session_free(request->session);
    request->session = session;
    request->session_free = session_free;
}

Request *request_free(Request *request)
{
    if (!request)
        return NULL;
    request_free(request->next);
    key_name_done(&request->key);
    X509_REQ_free(request->x509);
    free(request->der);
    free(request->transaction);
    free(request->signer);
    X509_free(request->signer_x509);
    request_set_session(request, NULL, NULL);
    free(request->reason);
    free(request);
    return NULL;
}

int request_set_reason(Request *request, const char *reason)
{
    char *copy = NULL;

    if (reason) {
        copy = strndup(reason, REQUEST_REASON_MAX);
        if (!copy)
            return -ENOMEM;
        for (char *p = copy; *p; p++)
            if (*p < 0x20 || *p > 0x7e)
                *p = '?';
    }
    free(request->reason);
    request->reason = copy;
    return 0;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static int add_string(json_object *o, const char *name, const char *value)
{
    return json_add(o, name, json_object_new_string(value));
}

static int add_bytes(json_object *o, const char *name, const void *data, size_t size)
{
    _cleanup_free_ char *text = base64url_encode(data, size);

    return text ? add_string(o, name, text) : -ENOMEM;
}

static int add_number(json_object *o, const char *name, int64_t value)
{
    return json_add(o, name, json_object_new_int64(value));
}

int request_to_json(const Request *request, json_object **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    int r = o ? 0 : -ENOMEM;

    if (r >= 0)
        r = add_string(o, "state", request_state_name(request->lifecycle.state));
    if (r >= 0)
        r = add_number(o, "polls", request->lifecycle.polls);
    if (r >= 0)
        r = add_number(o, "next", request->lifecycle.next);
    if (r >= 0 && request->lifecycle.pause > 0)
        r = add_number(o, "pause", request->lifecycle.pause);
    if (r >= 0)
        r = add_string(o, "method", enrollment_method_name(request->method));
    if (r >= 0)
        r = add_string(o, "algorithm", request->key.algorithm);
    if (r >= 0)
        r = add_string(o, "label", request->key.label);
    if (r >= 0 && request->key.pair != PAIR_GENERAL)
        r = add_string(o, "pair", key_pair_name(request->key.pair));
    if (r >= 0)
        r = add_bytes(o, "request", request->der, request->size);
    if (r >= 0 && request->transaction)
        r = add_string(o, "transaction", request->transaction);
    if (r >= 0 && request->signer)
        r = add_bytes(o, "signer", request->signer, request->signer_size);
    if (r >= 0 && request->renewal &&
        json_object_object_add(o, "renewal", json_object_new_boolean(true)) != 0)
        r = -ENOMEM;
    if (r >= 0 && request->next_authority &&
        json_object_object_add(o, "next-authority", json_object_new_boolean(true)) != 0)
        r = -ENOMEM;
    if (r >= 0 && request->reason)
        r = add_string(o, "reason", request->reason);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(o);
    return 0;
}

static int get_bytes(json_object *o, const char *name, void **ret, size_t *ret_size)
{
    const char *text;
    int r = json_get_string(o, name, &text);

    return r < 0 ? r : base64url_decode(text, strlen(text), ret, ret_size);
}

static int read_lifecycle(json_object *o, Lifecycle *ret)
{
    uint64_t polls, next, pause = 0;
    const char *state;
    int r = json_get_uint64(o, "pause", &pause);

    if ((r < 0 && r != -ENOENT) || pause > LIFECYCLE_PAUSE_MAX)
        return -EBADMSG;

    if (json_get_string(o, "state", &state) < 0 || json_get_uint64(o, "polls", &polls) < 0 ||
        json_get_uint64(o, "next", &next) < 0 || polls > UINT32_MAX || next > INT64_MAX / 2 ||
        request_state_from_name(state, &ret->state) < 0 || ret->state == REQUEST_NONE)
        return -EBADMSG;
    ret->polls = (uint32_t)polls;
    ret->next = (int64_t)next;
    ret->pause = (uint32_t)pause;
    return 0;
}

/* The parts that SCEP adds. */
static int read_scep(json_object *o, Request *request)
{
    const char *text;
    int r;

    r = json_get_string(o, "transaction", &text);
    if (r == -ENOENT)
        return 0;
    if (r < 0 || strlen(text) > TRANSACTION_MAX || strspn(text, "0123456789ABCDEF") != strlen(text))
        return -EBADMSG;
    request->transaction = strdup(text);
    if (!request->transaction)
        return -ENOMEM;
    r = get_bytes(o, "signer", &request->signer, &request->signer_size);
    return r == -ENOENT ? -EBADMSG : r;
}

/* What was written before requests said it is at the terminal or SCEP. */
static int read_method(json_object *o, Request *request)
{
    const char *name;
    int r = json_get_string(o, "method", &name);

    if (r == -ENOENT) {
        request->method = request->transaction ? METHOD_SCEP : METHOD_TERMINAL;
        return 0;
    }
    if (r < 0 || enrollment_method_from_name(name, &request->method) < 0 ||
        (request->method == METHOD_SCEP && !request->transaction))
        return -EBADMSG;
    return 0;
}

static int read_reason(json_object *o, Request *request)
{
    const char *text;
    int r = json_get_string(o, "reason", &text);

    if (r == -ENOENT)
        return 0;
    return r < 0 ? r : request_set_reason(request, text);
}

/* May be missing, which is false. */
static int read_flag(json_object *o, const char *name, bool *ret)
{
    int r = json_get_bool(o, name, ret);

    return r == -ENOENT ? 0 : r;
}

/* The strings stay those of o. */
static int read_key(json_object *o, KeyName *ret)
{
    const char *algorithm, *label, *pair = "general";
    int r = json_get_string(o, "pair", &pair);

    if ((r < 0 && r != -ENOENT) || key_pair_from_name(pair, &ret->pair) < 0 ||
        json_get_string(o, "algorithm", &algorithm) < 0 ||
        json_get_string(o, "label", &label) < 0 || key_algorithm_code(algorithm) == 0 ||
        !label_is_valid(label))
        return -EBADMSG;
    ret->algorithm = (char *)(uintptr_t)algorithm;
    ret->label = (char *)(uintptr_t)label;
    return 0;
}

int request_from_json(json_object *o, Request **ret)
{
    static const char *const members[] = {
        "state",   "polls",       "pause",  "next",   "method",  "algorithm",      "label", "pair",
        "request", "transaction", "signer", "reason", "renewal", "next-authority", NULL};
    _cleanup_(request_freep) Request *request = NULL;
    _cleanup_free_ void *der = NULL;
    Lifecycle lifecycle;
    KeyName key;
    size_t size;
    int r;

    if (json_only_members(o, members) < 0 || read_key(o, &key) < 0)
        return -EBADMSG;
    r = read_lifecycle(o, &lifecycle);
    if (r >= 0)
        r = get_bytes(o, "request", &der, &size);
    if (r >= 0)
        r = request_new(METHOD_TERMINAL, der, size, &key, &request);
    if (r >= 0)
        r = read_scep(o, request);
    if (r >= 0)
        r = read_method(o, request);
    if (r >= 0)
        r = read_reason(o, request);
    if (r >= 0)
        r = read_flag(o, "renewal", &request->renewal);
    if (r >= 0)
        r = read_flag(o, "next-authority", &request->next_authority);
    if (r < 0)
        return r == -ENOENT ? -EBADMSG : r;
    request->lifecycle = lifecycle;
    *ret = TAKE_PTR(request);
    return 0;
}
