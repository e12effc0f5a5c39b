/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever certificate_parse() accepts is written back the same, and what is shown of it is
 * printable UTF-8. */
#include <stdlib.h>

#include "json-util.h"
#include "time-render.h"
#include "x509-render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    if (!utf8_is_valid(text, strlen(text)))
        abort();
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(X509_freep) X509 *certificate = NULL;
    _cleanup_free_ void *der = NULL;
    CertificateSummary summary;
    char text[TIME_TEXT_SIZE];
    char **points;
    size_t der_size;

    if (certificate_parse(data, size, &certificate) < 0)
        return 0;
    if (certificate_encode(certificate, &der, &der_size) < 0 || der_size > size)
        abort();
    if (certificate_summarize(certificate, &summary) < 0)
        return 0;
    check_text(summary.subject);
    check_text(summary.issuer);
    check_text(summary.serial_number);
    check_text(time_render(summary.not_before, text));
    check_text(time_render(summary.not_after, text));
    certificate_summary_done(&summary);
    if (x509_crl_points_render(certificate, &points) >= 0) {
        for (size_t i = 0; points[i]; i++)
            check_text(points[i]);
        x509_crl_points_free(points);
    }
    return 0;
}
