/* SPDX-License-Identifier: Apache-2.0 */
#include "tls-input.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

#define PADDING_SIZE 64U
#define RANDOMS_SIZE 64U

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

/* The padding, the text with its zero, the hash. */
static bool is_certificate_verify(DerSpan input, const char *text)
{
    size_t size = strlen(text) + 1;

    for (size_t i = 0; i < PADDING_SIZE; i++)
        if (input.data[i] != ' ')
            return false;
    return (input.size == PADDING_SIZE + size + 32 || input.size == PADDING_SIZE + size + 48) &&
           memcmp(input.data + PADDING_SIZE, text, size) == 0;
}

/* named_curve, which, and a point of the size that goes with it. */
static bool is_server_key(DerSpan input)
{
    static const struct {
        uint8_t id;
        uint8_t point_size;
    } curves[] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}, {30, 56}};
    const uint8_t *p = input.data + RANDOMS_SIZE;

    if (p[0] != 3 || p[1] != 0)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(curves); i++)
        if (p[2] == curves[i].id)
            return p[3] == curves[i].point_size && input.size == RANDOMS_SIZE + 4U + p[3];
    return false;
}

int tls_input_check(DerSpan input, unsigned roles, const char **ret_reason)
{
    if (input.size < RANDOMS_SIZE + 5U || input.size > TLS_INPUT_SIZE_MAX)
        return refuse(ret_reason, "it has not the size of anything that TLS signs");
    if ((roles & TLS_SERVER && is_certificate_verify(input, "TLS 1.3, server CertificateVerify")) ||
        (roles & TLS_CLIENT && is_certificate_verify(input, "TLS 1.3, client CertificateVerify")))
        return 13;
    if (roles & TLS_SERVER && is_server_key(input))
        return 12;
    return refuse(ret_reason, roles & TLS_SERVER
                                  ? "it is neither a CertificateVerify of TLS 1.3 nor the "
                                    "ephemeral key of a TLS 1.2 server"
                                  : "it is not the CertificateVerify of a TLS 1.3 client");
}
