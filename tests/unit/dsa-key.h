/* SPDX-License-Identifier: Apache-2.0 */
/* A DSA pair of 2048 bits in no time: finding the parameters is what takes long, so they stand
 * here. */
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

static inline EVP_PKEY *dsa_test_key(void)
{
    static const char text[] = "-----BEGIN DSA PARAMETERS-----\n"
                               "MIICLAKCAQEAwZw7AhVOvkYheF0FCtqetODqqYCc0XoPbBiLwZqECH7IIkLAcXLx\n"
                               "3DoVhISQeEuD6t7v1rNLELL/uC7NClN9tSogdrmTZab3UAlTkcRjSmWmLBlw8gio\n"
                               "6iUNlCm6KY39UqK4NTIQSDC9zP9JBr0rms9F6XMMRhaGVJtk30sbE2z5zC9ksB2W\n"
                               "gZBvUWIe7b0dOL2LAXpAWdfKKp799/m534FXSH5R7Q6ULq+cKS0+Fwod76O+QrBd\n"
                               "wr1TQ5ybkZMSMd/M4umKHwtyxUCHSw+lC+E6EAq8uIs1D/4MPKAFefVkBwoNWE4m\n"
                               "n+iLpmqNG5zyn5EXa1YLQTRIhjU9YQiGqQIhANSMRWA7RQECFJP7S4xyFsCFkyH3\n"
                               "J6+kpBr+FywApGfnAoIBAFWMpdAMxgB4Egh3w3EfuN7Lb3qY0kO18fme3ukWYicO\n"
                               "7fM1QhofYDc3z+NRoGXDSzLPiFw+xD6Yt0IzfTHVYthYpmn3wDFyo37U1mGAqOJa\n"
                               "Rm7SoZGyq6pXGFC5OL0+fnanevYKFl7HJXfIZn3/DrOo3pnZsoWGXTh9oo3UoQjy\n"
                               "ozt9M4X0PFxoTuRn3k+DFUu1Bd0bmBXV3lPTNZ1T94tVihSq3i8OSaXC5eS/MGpF\n"
                               "6TOV70dmABWrnmOpVua2/0X3d4qnY2W9nVIM6KsXr2yVfc4XQxlA3LVXO7oE1Wk1\n"
                               "nE4LllRVo87AqH7ACeKpahV1BylbmSep4B19GKMQQCw=\n"
                               "-----END DSA PARAMETERS-----\n";
    BIO *bio = BIO_new_mem_buf(text, -1);
    EVP_PKEY *parameters = PEM_read_bio_Parameters(bio, NULL), *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(parameters, NULL);

    (void)BIO_free(bio);
    if (!context || EVP_PKEY_keygen_init(context) != 1 || EVP_PKEY_generate(context, &key) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(parameters);
    return key;
}
