/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever subject_parse() accepts is a name that a certificate can carry and that is read back the
 * same. */
#include <stdlib.h>

#include "x509-render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_openssl_free_ unsigned char *der = NULL;
    _cleanup_(X509_NAME_freep) X509_NAME *name = NULL, *again = NULL;
    _cleanup_free_ char *text = malloc(size + 1);
    const char *reason = NULL;
    const unsigned char *p;
    int n;

    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (subject_parse(text, &name, &reason) < 0) {
        if (!reason || name)
            abort();
        return 0;
    }
    n = i2d_X509_NAME(name, &der);
    p = der;
    if (n <= 0 || X509_NAME_entry_count(name) == 0 || !(again = d2i_X509_NAME(NULL, &p, n)) ||
        p != der + n || X509_NAME_cmp(name, again) != 0)
        abort();
    return 0;
}
