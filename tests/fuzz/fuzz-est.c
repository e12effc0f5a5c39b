/* SPDX-License-Identifier: Apache-2.0 */
/* What an EST server answers: certificates and wishes. Up to the first zero byte it is the content
 * type, then the body. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "est-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill_template(const EstTemplate *template)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    _cleanup_(X509_NAME_freep) X509_NAME *subject = X509_NAME_new(), *filled = NULL;
    char reason[EST_TEMPLATE_REASON_SIZE] = "";
    int r;

    if (!subject || X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                               (const unsigned char *)"core", -1, -1, 0) != 1)
        abort();
    r = est_template_fill(template,
                          &(EstOwn){.algorithm = "ecdsanistp256",
                                    .bits = 256,
                                    .subject = subject,
                                    .alternative_names = "DNS:core.example,IP:192.0.2.1"},
                          &filled, &extensions, reason);
    if (r < 0 ? !reason[0] : !filled || !extensions)
        abort();
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void read_attributes(const char *type, const void *body, size_t size)
{
    static const char *const algorithms[] = {"rsa", "ecdsanistp256", "ecdsanistp384",
                                             "ecdsanistp521", "ed25519"};
    const char *reason = NULL, *digest = NULL;
    EstAttributes attributes;

    if (est_attributes_parse(type, body, size, &attributes, &reason) < 0) {
        if (!reason)
            abort();
        return;
    }
    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
        if (est_attributes_check(&attributes, algorithms[i], 2048, "sha256", &digest, &reason) < 0
                ? !reason
                : !digest)
            abort();
    if (attributes.template)
        fill_template(attributes.template);
    est_attributes_done(&attributes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    const char *type = (const char *)data, *reason = NULL;
    ReceivedList list;
    size_t rest;

    if (!end)
        return 0;
    rest = size - (size_t)(end + 1 - data);
    if (est_certificates_parse(type, end + 1, rest, &list, &reason) >= 0)
        received_done(&list);
    else if (!reason)
        abort();
    read_attributes(type, end + 1, rest);
    return 0;
}
