/* SPDX-License-Identifier: Apache-2.0 */
#include "trust-source.h"

#include "pem.h"

#define HEAD "[p11-kit-object-v1]"
#define DATE_ATTRIBUTE "nss-server-distrust-after:"
#define TRUSTED_ATTRIBUTE "trusted:"
#define DATE_LENGTH 13U /* YYMMDDHHMMSSZ */

typedef struct Object {
    bool trusted, wrong;
    int64_t distrust_after; /* 0: no date */
} Object;

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
    while (line.size > 0 && line.data[line.size - 1] <= ' ')
        line.size--;
    return line;
}

/* The value of "name: value". */
static bool is_attribute(DerSpan line, const char *name, DerSpan *ret)
{
    size_t n = strlen(name);

    if (line.size < n || memcmp(line.data, name, n) != 0)
        return false;
    line.data += n;
    line.size -= n;
    while (line.size > 0 && *line.data == ' ') {
        line.data++;
        line.size--;
    }
    *ret = line;
    return true;
}

/* --- Dates ------------------------------------------------------------------------------------ */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A quoted text in which any character may be %XX. */
static int unquote(DerSpan value, char ret[DATE_LENGTH + 1])
{
    size_t n = 0;

    if (value.size < 2 || value.data[0] != '"' || value.data[value.size - 1] != '"')
        return -EBADMSG;
    for (size_t i = 1; i + 1 < value.size; i++) {
        uint8_t c = value.data[i];

        if (n == DATE_LENGTH)
            return -EBADMSG;
        if (c == '%') {
            int high = i + 3 < value.size ? hex_digit(value.data[i + 1]) : -1,
                low = i + 3 < value.size ? hex_digit(value.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return -EBADMSG;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        ret[n++] = (char)c;
    }
    ret[n] = 0;
    return (int)n;
}

/* "false", nothing and a zero byte say that there is no date. */
static int read_date(DerSpan value, int64_t *ret)
{
    ASN1_TIME *time;
    char text[DATE_LENGTH + 1];
    int n, r;

    *ret = 0;
    if (der_equal(value, "false", STRLEN("false")))
        return 0;
    n = unquote(value, text);
    if (n < 0)
        return n;
    if (n == 0 || text[0] == 0)
        return 0;
    time = ASN1_TIME_new();
    if (!time)
        return -ENOMEM;
    r = ASN1_UTCTIME_set_string(time, text) == 1 && strlen(text) == DATE_LENGTH
            ? x509_time_read(time, ret)
            : -EBADMSG;
    ASN1_TIME_free(time);
    return r >= 0 && *ret <= 0 ? -EBADMSG : r;
}

/* --- Objects ---------------------------------------------------------------------------------- */

static int read_attributes(DerSpan text, Object *object)
{
    DerSpan value;

    while (text.size > 0) {
        DerSpan line = take_line(&text);
        int r = 0;

        if (is_attribute(line, TRUSTED_ATTRIBUTE, &value))
            object->trusted = der_equal(value, "true", STRLEN("true"));
        else if (is_attribute(line, DATE_ATTRIBUTE, &value))
            r = read_date(value, &object->distrust_after);
        if (r == -ENOMEM)
            return r;
        object->wrong = object->wrong || r < 0;
    }
    return 0;
}

static int add_certificate(DerSpan der, const Object *object, const AuthorityRules *rules,
                           AuthorityList *list)
{
    uint8_t digest[AUTHORITY_DIGEST_SIZE];
    Authority *authority;
    int r = authority_list_add(list, der.data, der.size, rules);

    if (r < 0 || object->distrust_after == 0)
        return r;
    if (EVP_Digest(der.data, der.size, digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    authority = authority_list_find(list, digest);
    if (authority)
        authority->distrust_after = object->distrust_after;
    return 0;
}

static int read_object(DerSpan text, const AuthorityRules *rules, AuthorityList *list)
{
    _cleanup_free_ void *der = NULL;
    DerSpan rest = text;
    Object object = {0};
    PemBlock block;
    size_t size;
    int r = read_attributes(text, &object);

    if (r < 0)
        return r;
    r = pem_next(&rest, &block);
    if (r == 0 || !object.trusted)
        return 0; /* of another kind, or not trusted */
    if (r < 0 || object.wrong || !pem_has_label(&block, "CERTIFICATE"))
        return authority_list_add_malformed(list);
    r = pem_decode(block.text, &der, &size);
    if (r < 0)
        return r == -ENOMEM ? r : authority_list_add_malformed(list);
    return add_certificate((DerSpan){der, size}, &object, rules, list);
}

int trust_source_parse(DerSpan text, const AuthorityRules *rules, AuthorityList *list)
{
    const uint8_t *at = memmem(text.data, text.size, HEAD, STRLEN(HEAD));
    int r = at ? 0 : -EBADMSG;

    while (r >= 0 && at) {
        const uint8_t *begin = at + STRLEN(HEAD);
        size_t left = text.size - (size_t)(begin - text.data);

        at = memmem(begin, left, HEAD, STRLEN(HEAD));
        r = read_object((DerSpan){begin, at ? (size_t)(at - begin) : left}, rules, list);
    }
    ERR_clear_error();
    return r;
}
