/* SPDX-License-Identifier: Apache-2.0 */
/* What a token says of the device. Only what is known to be so: an identity of the hardware is said
 * when the firmware has a random one, and nothing about a maker's number or state of debugging, of
 * which a router of any make cannot know. */
#include <openssl/evp.h>

#include "clock.h"
#include "dossier.h"
#include "eat-token.h"
#include "json-util.h"

#define ID_SIZE 16U

/* Hexadecimal digits, with or without hyphens between them, and a newline. */
static bool parse_id(const char *text, uint8_t ret[ID_SIZE])
{
    size_t n = 0;

    memset(ret, 0, ID_SIZE);
    for (; *text && *text != '\n'; text++) {
        int value = OPENSSL_hexchar2int((unsigned char)*text);

        if (*text == '-')
            continue;
        if (value < 0 || n == (size_t)2 * ID_SIZE)
            return false;
        ret[n / 2] = (uint8_t)(ret[n / 2] << 4 | value);
        n++;
    }
    return n == (size_t)2 * ID_SIZE;
}

/* RFC 4122 section 4.4: the others are made of times, addresses or nothing at all. */
static bool is_random_uuid(const uint8_t id[ID_SIZE])
{
    return (id[6] & 0xf0) == 0x40 && (id[8] & 0xc0) == 0x80;
}

static void read_hardware(int root_fd, EatClaims *c)
{
    char text[128];

    c->ueid[0] = EAT_UEID_RANDOM;
    c->has_ueid = collect_read(root_fd, "sys/class/dmi/id/product_uuid", text, sizeof text) >= 0 &&
                  parse_id(text, c->ueid + 1) && is_random_uuid(c->ueid + 1);
}

/* machine-id(5) is not to be shown: a digest of it is as random. */
static void read_installation(int root_fd, EatClaims *c)
{
    static const char name[] = "chancery entity attestation token";
    uint8_t input[ID_SIZE + sizeof name], digest[EVP_MAX_MD_SIZE];
    char text[128];

    if (collect_read(root_fd, "etc/machine-id", text, sizeof text) < 0 || !parse_id(text, input))
        return;
    memcpy(input + ID_SIZE, name, sizeof name);
    c->has_sueid = EVP_Digest(input, sizeof input, digest, NULL, EVP_sha256(), NULL) == 1;
    c->sueid[0] = EAT_UEID_RANDOM;
    memcpy(c->sueid + 1, digest, ID_SIZE);
}

static void read_software(int root_fd, EatClaims *c)
{
    if (!read_os_release(root_fd, "NAME", c->software, sizeof c->software) ||
        !utf8_is_valid(c->software, strlen(c->software)))
        c->software[0] = 0;
    if (!read_os_release(root_fd, "VERSION_ID", c->version, sizeof c->version) ||
        !utf8_is_valid(c->version, strlen(c->version)))
        c->version[0] = 0;
}

void eat_claims_of_device(int root_fd, EatClaims *claims)
{
    read_hardware(root_fd, claims);
    read_installation(root_fd, claims);
    read_software(root_fd, claims);
    claims->uptime = (uint64_t)clock_sec(CLOCK_BOOTTIME);
}
