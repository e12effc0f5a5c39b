/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the databases of Secure Boot: lists of certificates and digests as the UEFI
 * Specification (section 32.4.1, EFI_SIGNATURE_LIST) has them. Nothing is copied. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_GUID_SIZE 16U
#define SIGNATURE_GUID_TEXT_SIZE 37U

typedef struct Signature {
    const uint8_t *type, *owner; /* GUIDs */
    const uint8_t *data;
    size_t size;
} Signature;

typedef struct SignatureReader {
    const uint8_t *position, *end;
    const uint8_t *type;
    const uint8_t *list_end; /* of the list that position is in */
    size_t signature_size;
} SignatureReader;

void signature_reader_init(SignatureReader *r, const void *data, size_t size);

/* Returns 1, 0 at the end, or -EBADMSG for what is no such list; what came before is good. */
int signature_reader_next(SignatureReader *r, Signature *ret);

/* "x509", "sha256"; NULL for what is not known. */
const char *signature_type_name(const uint8_t type[SIGNATURE_GUID_SIZE]);
/* "8be4df61-93ca-11d2-aa0d-00e098032b8c" */
void signature_guid_render(const uint8_t guid[SIGNATURE_GUID_SIZE],
                           char buffer[SIGNATURE_GUID_TEXT_SIZE]);
