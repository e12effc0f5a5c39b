/* SPDX-License-Identifier: Apache-2.0 */
/* What a TPM 2.0 says about the boot: its platform configuration registers, and a signature over
 * them and over bytes of the caller's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TPM_BANKS_MAX 8U
#define TPM_REGISTERS 24U
#define TPM_DIGEST_MAX 64U
#define TPM_QUALIFYING_MAX 64U
#define TPM_BLOB_MAX 2048U
#define TPM_REASON_SIZE 160U

typedef struct TpmBank {
    uint16_t algorithm; /* TPM_ALG_ID */
    struct {
        uint8_t data[TPM_DIGEST_MAX];
        size_t size; /* 0: not in this bank */
    } registers[TPM_REGISTERS];
} TpmBank;

typedef struct TpmBlob {
    uint8_t data[TPM_BLOB_MAX];
    size_t size;
} TpmBlob;

typedef struct TpmEvidence {
    size_t n_banks;
    TpmBank banks[TPM_BANKS_MAX];
    /* Of the quote; empty without one. The message is a TPMS_ATTEST, the signature a
     * TPMT_SIGNATURE, the public key a DER SubjectPublicKeyInfo. */
    TpmBlob message, signature, public_key;
    char quote_reason[TPM_REASON_SIZE]; /* why there is none though one was asked for; "" otherwise
                                         */
} TpmEvidence;

/* "sha256"; NULL when it has no name here. */
const char *tpm_algorithm_name(uint16_t algorithm);

/* fd: the TPM's device, or a connected stream socket of a TPM in software. Without qualifying bytes
 * there is no quote. The signature is by a key that the TPM derives from its endorsement seed: the
 * same each time, until the TPM is given away. Returns a negative errno with a reason when not even
 * the registers could be read. */
int tpm_collect(int fd, const uint8_t *qualifying, size_t size, TpmEvidence *ret,
                char reason[static TPM_REASON_SIZE]);
