/* SPDX-License-Identifier: Apache-2.0 */
/* The public half of a key as it is put into a request or a certificate. OpenSSL does that with a
 * key of a provider by writing it with an encoder and reading it again with a decoder, most of
 * which is to find the two: 0.16 ms, a tenth of what a whole request takes. Keys of the older kind
 * are written by themselves, in a microsecond. */
#pragma once

#include "openssl-util.h"

/* For X509_set_pubkey() and X509_REQ_set_pubkey(), whoever has the key: one of the older kind for
 * RSA, else of the context's provider. NULL when it cannot be made; the caller frees. */
EVP_PKEY *public_half_new(OSSL_LIB_CTX *context, const EVP_PKEY *key);
