/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from label.c, because the shell reads labels and does without OpenSSL. */
#include <openssl/evp.h>
#include <stdint.h>

#include "cleanup.h"
#include "label.h"

int label_file_name(const char *kind, const char *label, char ret[LABEL_FILE_NAME_SIZE])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    _cleanup_free_ char *text = NULL;

    /* The blank cannot be part of a kind, so no two pairs give the same text. */
    if (asprintf(&text, "%s %s", kind, label) < 0)
        return -ENOMEM;
    if (EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (size_t i = 0; i < (LABEL_FILE_NAME_SIZE - 1) / 2; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", digest[i]);
    return 0;
}
