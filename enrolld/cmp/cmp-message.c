/* SPDX-License-Identifier: Apache-2.0 */
#include "cmp-message.h"

#include <strings.h>

#include "cleanup.h"
#include "fetch-url.h"

#define MESSAGE_TYPE "application/pkixcmp"
#define DEPTH_MAX 32U

int cmp_url_check(const char *url, const char **ret_reason)
{
    int r = fetch_url_check(url, ret_reason);

    if (r < 0)
        return r;
    if (strncasecmp(url, "http://", STRLEN("http://")) != 0)
        *ret_reason =
            "the URL of a CMP server begins with http://: its messages protect themselves";
    else if (strpbrk(url, "?#"))
        *ret_reason = "the URL of a CMP server has neither a query nor a fragment";
    else if (strlen(url) > CMP_URL_MAX)
        *ret_reason = "the URL is longer than 800 characters";
    else
        return 0;
    return -EINVAL;
}

int cmp_url_new(const char *url, char **ret)
{
    const char *host = url + STRLEN("http://"), *path = host + strcspn(host, "/");

    if (path[strspn(path, "/")])
        return (*ret = strdup(url)) ? 0 : -ENOMEM;
    return asprintf(ret, "%.*s/.well-known/cmp", (int)(path - url), url) < 0 ? -ENOMEM : 0;
}

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

/* PasswordBasedMac, and signatures with SHA-256 or better. */
static bool is_protection(DerSpan oid)
{
    static const char *const oids[] = {
        "\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d", /* PasswordBasedMac */
        "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", /* sha256WithRSAEncryption */
        "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", /* sha384WithRSAEncryption */
        "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", /* sha512WithRSAEncryption */
        "\x2a\x86\x48\xce\x3d\x04\x03\x02",     /* ecdsa-with-SHA256 */
        "\x2a\x86\x48\xce\x3d\x04\x03\x03",     /* ecdsa-with-SHA384 */
        "\x2a\x86\x48\xce\x3d\x04\x03\x04",     /* ecdsa-with-SHA512 */
        "\x2b\x65\x70",                         /* Ed25519 */
        "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", /* RSASSA-PSS */
    };

    for (size_t i = 0; i < ELEMENTSOF(oids); i++)
        if (der_equal(oid, oids[i], strlen(oids[i])))
            return true;
    return false;
}

/* What a client gets: ip, cp, kup, pkiconf, error, pollRep. */
static bool is_answer(uint8_t tag)
{
    static const uint8_t bodies[] = {1, 3, 8, 19, 23, 26};

    for (size_t i = 0; i < ELEMENTSOF(bodies); i++)
        if (tag == DER_CONTEXT_CONSTRUCTED(bodies[i]))
            return true;
    return false;
}

static int check_header(DerSpan header, const char **ret_reason)
{
    DerSpan algorithm, identifier, oid;
    uint64_t version;
    uint8_t tag;

    if (der_read_uint64(&header, &version) < 0 || version < 2 || version > 3)
        return refuse(-EBADMSG, ret_reason, "it is not of CMP version 2 or 3");
    for (unsigned i = 0; i < 2; i++) /* sender, recipient */
        if (der_read_any(&header, &tag, NULL, NULL) < 0)
            return refuse(-EBADMSG, ret_reason, "its header is malformed");
    if (der_read_optional(&header, DER_CONTEXT_CONSTRUCTED(0), NULL) < 0 ||
        der_read(&header, DER_CONTEXT_CONSTRUCTED(1), &algorithm) < 0)
        return refuse(-EKEYREJECTED, ret_reason, "it is not protected");
    if (der_read_only(algorithm, DER_SEQUENCE, &identifier) < 0 ||
        der_read(&identifier, DER_OID, &oid) < 0)
        return refuse(-EBADMSG, ret_reason, "its header is malformed");
    return is_protection(oid) ? 0
                              : refuse(-EKEYREJECTED, ret_reason,
                                       "it is protected in a way that is not good enough");
}

int cmp_reply_check(const char *type, const void *data, size_t size, const char **ret_reason)
{
    DerSpan input = {data, size}, message, header;
    uint8_t tag;
    int r;

    if (!type || strncasecmp(type, MESSAGE_TYPE, STRLEN(MESSAGE_TYPE)) != 0)
        return refuse(-EBADMSG, ret_reason, "its content type is not " MESSAGE_TYPE);
    if (size > CMP_REPLY_MAX)
        return refuse(-EMSGSIZE, ret_reason, "it is larger than 256 KiB");
    if (der_check(input, DEPTH_MAX) < 0 || der_read_only(input, DER_SEQUENCE, &message) < 0 ||
        der_read(&message, DER_SEQUENCE, &header) < 0)
        return refuse(-EBADMSG, ret_reason, "it is no CMP message");
    r = check_header(header, ret_reason);
    if (r < 0)
        return r;
    if (der_read_any(&message, &tag, NULL, NULL) < 0 || !is_answer(tag))
        return refuse(-EBADMSG, ret_reason, "it is no answer of a CA");
    return 0;
}
