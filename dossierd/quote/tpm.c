/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include "openssl-util.h"
#include "tcti.h"

/* Somebody may extend a register between reading and quoting. */
#define ATTEMPTS 3U
#define COORDINATE_SIZE 32U

typedef struct Work {
    ESYS_CONTEXT *esys;
    TPML_PCR_SELECTION selection;
    char *reason;
} Work;

const char *tpm_algorithm_name(uint16_t algorithm)
{
    switch (algorithm) {
    case TPM2_ALG_SHA1:
        return "sha1";
    case TPM2_ALG_SHA256:
        return "sha256";
    case TPM2_ALG_SHA384:
        return "sha384";
    case TPM2_ALG_SHA512:
        return "sha512";
    case TPM2_ALG_SM3_256:
        return "sm3_256";
    default:
        return NULL;
    }
}

static int check(Work *w, const char *what, TSS2_RC rc)
{
    if (rc == TSS2_RC_SUCCESS)
        return 0;
    (void)snprintf(w->reason, TPM_REASON_SIZE, "%s failed with code 0x%08x", what, rc);
    return -EIO;
}

static bool is_selected(const TPMS_PCR_SELECTION *s, unsigned index)
{
    return index / 8 < s->sizeofSelect && index / 8 < sizeof s->pcrSelect &&
           (s->pcrSelect[index / 8] & 1U << (index % 8));
}

/* Which registers there are, bank by bank. */
static int read_banks(Work *w, TpmEvidence *e)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    int r = check(w, "TPM2_GetCapability",
                  Esys_GetCapability(w->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                     TPM2_CAP_PCRS, 0, 1, NULL, &data));

    if (r < 0)
        return r;
    w->selection.count = 0;
    for (uint32_t i = 0; i < data->data.assignedPCR.count && w->selection.count < TPM_BANKS_MAX;
         i++) {
        const TPMS_PCR_SELECTION *s = &data->data.assignedPCR.pcrSelections[i];
        bool any = false;

        for (unsigned k = 0; k < TPM_REGISTERS; k++)
            any = any || is_selected(s, k);
        if (any)
            w->selection.pcrSelections[w->selection.count++] = *s;
    }
    free(data);
    e->n_banks = w->selection.count;
    if (e->n_banks > 0)
        return 0;
    (void)snprintf(w->reason, TPM_REASON_SIZE, "The TPM has no bank of registers");
    return -ENODATA;
}

static int take_value(TpmBank *bank, unsigned index, const TPM2B_DIGEST *digest)
{
    if (digest->size == 0 || digest->size > TPM_DIGEST_MAX)
        return -EBADMSG;
    memcpy(bank->registers[index].data, digest->buffer, digest->size);
    bank->registers[index].size = digest->size;
    return 0;
}

/* The TPM gives at most eight at a time, the ones with the lowest numbers, and says which. */
static int read_some(Work *w, TPMS_PCR_SELECTION *left, TpmBank *bank)
{
    TPML_PCR_SELECTION asked = {.count = 1, .pcrSelections = {*left}}, *given = NULL;
    TPML_DIGEST *values = NULL;
    uint32_t n = 0;
    int r = check(w, "TPM2_PCR_Read",
                  Esys_PCR_Read(w->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &asked, NULL,
                                &given, &values));

    if (r < 0)
        return r;
    for (unsigned i = 0; r >= 0 && given->count == 1 && i < TPM_REGISTERS; i++) {
        if (!is_selected(&given->pcrSelections[0], i) || !is_selected(left, i))
            continue;
        r = n < values->count ? take_value(bank, i, &values->digests[n++]) : -EBADMSG;
        left->pcrSelect[i / 8] = (BYTE)(left->pcrSelect[i / 8] & ~(1U << (i % 8)));
    }
    free(given);
    free(values);
    if (r >= 0 && n > 0)
        return 0;
    (void)snprintf(w->reason, TPM_REASON_SIZE, "The answer of TPM2_PCR_Read was not understood");
    return -EBADMSG;
}

static int read_registers(Work *w, TpmEvidence *e)
{
    for (uint32_t i = 0; i < w->selection.count; i++) {
        TPMS_PCR_SELECTION left = w->selection.pcrSelections[i];

        e->banks[i] = (TpmBank){.algorithm = left.hash};
        for (;;) {
            bool any = false;
            int r;

            for (unsigned k = 0; k < TPM_REGISTERS; k++)
                any = any || is_selected(&left, k);
            if (!any)
                break;
            r = read_some(w, &left, &e->banks[i]);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* A key that signs what the TPM itself says, and nothing else; its private half is never outside.
 */
static int make_key(Work *w, ESYS_TR *ret, TPM2B_PUBLIC **ret_public)
{
    static const TPM2B_SENSITIVE_CREATE sensitive = {.size = 0};
    static const TPM2B_DATA outside = {.size = 0};
    static const TPML_PCR_SELECTION none = {.count = 0};
    static const TPM2B_PUBLIC template = {
        .publicArea =
            {
                .type = TPM2_ALG_ECC,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                                    TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT |
                                    TPMA_OBJECT_NODA,
                .parameters.eccDetail =
                    {
                        .symmetric.algorithm = TPM2_ALG_NULL,
                        .scheme = {.scheme = TPM2_ALG_ECDSA,
                                   .details.ecdsa.hashAlg = TPM2_ALG_SHA256},
                        .curveID = TPM2_ECC_NIST_P256,
                        .kdf.scheme = TPM2_ALG_NULL,
                    },
            },
    };

    return check(w, "TPM2_CreatePrimary",
                 Esys_CreatePrimary(w->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                    ESYS_TR_NONE, &sensitive, &template, &outside, &none, ret,
                                    ret_public, NULL, NULL, NULL));
}

static int encode_key(const TPM2B_PUBLIC *public, TpmBlob *ret)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    const TPMS_ECC_POINT *point = &public->publicArea.unique.ecc;
    uint8_t encoded[1 + 2 * COORDINATE_SIZE] = {4}, *p = ret->data;
    char group[] = "P-256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded),
        OSSL_PARAM_construct_end()};
    int size;

    if (point->x.size > COORDINATE_SIZE || point->y.size > COORDINATE_SIZE)
        return -EBADMSG;
    memcpy(encoded + 1 + COORDINATE_SIZE - point->x.size, point->x.buffer, point->x.size);
    memcpy(encoded + 1 + 2 * COORDINATE_SIZE - point->y.size, point->y.buffer, point->y.size);
    if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return -EBADMSG;
    size = i2d_PUBKEY(key, NULL);
    if (size <= 0 || (size_t)size > sizeof ret->data)
        return -EBADMSG;
    ret->size = (size_t)i2d_PUBKEY(key, &p);
    return 0;
}

/* Does the quote speak of the very values that were read? */
static int compare(const TPM2B_ATTEST *message, const TpmEvidence *e)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    TPMS_ATTEST attest;
    unsigned size;
    size_t offset = 0;

    if (Tss2_MU_TPMS_ATTEST_Unmarshal(message->attestationData, message->size, &offset, &attest) !=
            TSS2_RC_SUCCESS ||
        attest.magic != TPM2_GENERATED_VALUE || attest.type != TPM2_ST_ATTEST_QUOTE)
        return -EBADMSG;
    if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (size_t i = 0; i < e->n_banks; i++)
        for (unsigned k = 0; k < TPM_REGISTERS; k++)
            if (EVP_DigestUpdate(context, e->banks[i].registers[k].data,
                                 e->banks[i].registers[k].size) != 1)
                return -ENOMEM;
    if (EVP_DigestFinal_ex(context, digest, &size) != 1)
        return -ENOMEM;
    return attest.attested.quote.pcrDigest.size == size &&
                   memcmp(attest.attested.quote.pcrDigest.buffer, digest, size) == 0
               ? 0
               : -EAGAIN;
}

static int quote_once(Work *w, ESYS_TR key, const TPM2B_DATA *qualifying, TpmEvidence *e)
{
    static const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL};
    TPM2B_ATTEST *message = NULL;
    TPMT_SIGNATURE *signature = NULL;
    size_t offset = 0;
    int r = check(w, "TPM2_Quote",
                  Esys_Quote(w->esys, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, qualifying,
                             &scheme, &w->selection, &message, &signature));

    if (r < 0)
        return r;
    r = compare(message, e);
    if (r >= 0 &&
        (message->size > sizeof e->message.data ||
         Tss2_MU_TPMT_SIGNATURE_Marshal(signature, e->signature.data, sizeof e->signature.data,
                                        &offset) != TSS2_RC_SUCCESS))
        r = -EBADMSG;
    if (r >= 0) {
        memcpy(e->message.data, message->attestationData, message->size);
        e->message.size = message->size;
        e->signature.size = offset;
    } else
        (void)snprintf(w->reason, TPM_REASON_SIZE, "%s",
                       r == -EAGAIN ? "The registers change all the time"
                                    : "The answer of TPM2_Quote was not understood");
    free(message);
    free(signature);
    return r;
}

static int quote(Work *w, const uint8_t *qualifying, size_t size, TpmEvidence *e)
{
    TPM2B_DATA data = {.size = (UINT16)size};
    TPM2B_PUBLIC *public = NULL;
    ESYS_TR key;
    int r;

    memcpy(data.buffer, qualifying, size);
    r = make_key(w, &key, &public);
    if (r < 0)
        return r;
    r = encode_key(public, &e->public_key);
    if (r < 0)
        (void)snprintf(w->reason, TPM_REASON_SIZE, "The public key of the TPM was not understood");
    else
        for (unsigned i = 0; i < ATTEMPTS; i++) {
            r = quote_once(w, key, &data, e);
            if (r != -EAGAIN)
                break;
            if (read_registers(w, e) < 0)
                break;
        }
    (void)Esys_FlushContext(w->esys, key);
    free(public);
    return r;
}

int tpm_collect(int fd, const uint8_t *qualifying, size_t size, TpmEvidence *ret,
                char reason[static TPM_REASON_SIZE])
{
    Work w = {.reason = reason};
    Tcti tcti;
    int r;

    if (size > TPM_QUALIFYING_MAX)
        return -EINVAL;
    *ret = (TpmEvidence){.n_banks = 0};
    tcti_init(&tcti, fd);
    r = check(&w, "Starting the TSS", Esys_Initialize(&w.esys, (TSS2_TCTI_CONTEXT *)&tcti, NULL));
    if (r < 0)
        return r;
    r = read_banks(&w, ret);
    if (r >= 0)
        r = read_registers(&w, ret);
    if (r >= 0 && size > 0 && quote(&w, qualifying, size, ret) < 0) {
        ret->message.size = ret->signature.size = ret->public_key.size = 0;
        (void)snprintf(ret->quote_reason, sizeof ret->quote_reason, "%s", reason);
    }
    Esys_Finalize(&w.esys);
    return r;
}
