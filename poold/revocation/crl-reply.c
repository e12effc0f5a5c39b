/* SPDX-License-Identifier: Apache-2.0 */
#include "crl-reply.h"

#include <ctype.h>
#include <strings.h>

#include "cleanup.h"
#include "pem.h"

static int fail(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

void crl_reply_done(CrlReply *reply)
{
    for (size_t i = 0; i < reply->n; i++)
        free(reply->data[i]);
    *reply = (CrlReply){0};
}

static int add_base64(CrlReply *reply, DerSpan text, const char **ret_reason)
{
    int r;

    if (reply->n == CRL_REPLY_MAX)
        return fail(ret_reason, "there are more than 8 CRLs");
    r = pem_decode(text, &reply->data[reply->n], &reply->size[reply->n]);
    if (r < 0)
        return r == -ENOMEM ? r : fail(ret_reason, "its base64 is wrong");
    reply->n++;
    return 0;
}

static int add_der(CrlReply *reply, DerSpan der)
{
    void *copy = malloc(der.size + 1);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, der.data, der.size);
    reply->data[reply->n] = copy;
    reply->size[reply->n++] = der.size;
    return 0;
}

static int read_pem(DerSpan text, CrlReply *reply, const char **ret_reason)
{
    PemBlock block;
    int r;

    while ((r = pem_next(&text, &block)) > 0) {
        if (!pem_has_label(&block, "X509 CRL"))
            continue;
        r = add_base64(reply, block.text, ret_reason);
        if (r < 0)
            return r;
    }
    return r < 0 ? fail(ret_reason, "a PEM block does not begin or end") : 0;
}

/* --- The directory's ------------------------------------------------------------------------- */

static DerSpan take_line(DerSpan *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    DerSpan line = {text->data, end ? (size_t)(end - text->data) : text->size};

    text->data += line.size;
    text->size -= line.size;
    if (end) {
        text->data++;
        text->size--;
    }
    return line;
}

/* "certificateRevocationList;binary:: ..." and the like; the value is in base64 when two colons
 * stand before it. */
static bool is_value(DerSpan line, DerSpan *ret)
{
    static const char *const attributes[] = {"certificateRevocationList", "authorityRevocationList",
                                             "deltaRevocationList"};

    for (; line.size > 0 && isspace(*line.data); line.size--)
        line.data++;
    for (size_t i = 0; i < ELEMENTSOF(attributes); i++) {
        size_t n = strlen(attributes[i]);
        const uint8_t *colon;

        if (line.size <= n || strncasecmp((const char *)line.data, attributes[i], n) != 0 ||
            (line.data[n] != ':' && line.data[n] != ';'))
            continue;
        colon = memchr(line.data + n, ':', line.size - n);
        if (!colon || (size_t)(colon - line.data) + 1 >= line.size || colon[1] != ':')
            return false;
        *ret = (DerSpan){colon + 2, line.size - (size_t)(colon + 2 - line.data)};
        return true;
    }
    return false;
}

static int read_directory(DerSpan text, CrlReply *reply, const char **ret_reason)
{
    while (text.size > 0) {
        DerSpan value;
        int r;

        if (!is_value(take_line(&text), &value))
            continue;
        r = add_base64(reply, value, ret_reason);
        if (r < 0)
            return r;
    }
    return 0;
}

int crl_reply_read(DerSpan body, CrlReply *ret, const char **ret_reason)
{
    _cleanup_(crl_reply_done) CrlReply reply = {0};
    int r;

    if (body.size > 0 && body.data[0] == DER_SEQUENCE) {
        r = add_der(&reply, body);
    } else {
        r = read_pem(body, &reply, ret_reason);
        if (r >= 0 && reply.n == 0)
            r = read_directory(body, &reply, ret_reason);
    }
    if (r < 0)
        return r;
    if (reply.n == 0)
        return fail(ret_reason, "there is no CRL in it");
    *ret = reply;
    reply = (CrlReply){0};
    return 0;
}
