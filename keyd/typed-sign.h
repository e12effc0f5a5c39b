/* SPDX-License-Identifier: Apache-2.0 */
/* keyd signs typed things, never a bare digest: what comes in is read as what it is said to be,
 * compared with the key and its rights, and signed only then. Whether this caller may use this key
 * for this purpose has been decided before, in the main loop (typed_sign_permitted()); reading and
 * signing happen in a worker thread (typed_sign()). */
#pragma once

#include <stdatomic.h>
#include <sys/types.h>

#include "key-rights.h"
#include "key.h"
#include "store.h"

typedef enum Purpose {
    PURPOSE_CERTIFICATE_REQUEST,
    PURPOSE_CERTIFICATE,
    PURPOSE_ENVELOPE,
    PURPOSE_EAT_JWT,
    PURPOSE_EAT_CWT,
    PURPOSE_SCEP_CERTIFICATE,
    PURPOSE_SCEP,
    PURPOSE_SCEP_DECRYPT,
    PURPOSE_CMP,
    PURPOSE_TLS_CLIENT,
    PURPOSE_TLS,
    PURPOSE_SSH,
} Purpose;

/* -EINVAL when there is no such purpose. */
int purpose_from_string(const char *name, Purpose *ret);
const char *purpose_to_string(Purpose purpose);
/* The one daemon that may ask: "enrolld". NULL: users whom a grant lets. */
const char *purpose_caller(Purpose purpose);
size_t purpose_size_max(Purpose purpose);
/* Is something decrypted for it, instead of signed? */
bool purpose_decrypts(Purpose purpose);
/* Is what is signed for it evidence, of which a certificate is part? */
bool purpose_is_evidence(Purpose purpose);

#define TYPED_SIGN_SUBJECTS_MAX 64U

/* All that a worker needs, and nothing that the main loop changes. */
typedef struct TypedSign {
    Key *key;
    Digest digest;
    Purpose purpose;
    const void *input; /* see typed_sign_take_input() */
    size_t input_size;
    void *copy; /* of the input; NULL: it is in a mapping; wiped */
    size_t copy_size;
    const void *mapping;
    size_t mapping_size;
    void *certificate; /* for evidence: DER */
    size_t certificate_size;
    Key *subjects[TYPED_SIGN_SUBJECTS_MAX]; /* whose public keys, besides its own, it may
                                               certify or ask for */
    size_t n_subjects;
    uid_t granted_to;             /* for purposes that grants are for */
    size_t unwrapped_size;        /* for purposes that decrypt: of the key that comes out */
    const atomic_bool *cancelled; /* may be NULL */
} TypedSign;

/* Is it a certificate of this key? */
bool key_has_certificate(const Key *key, const void *der, size_t size);

/* Does configuration let the key be used for that? Fills in the subjects. -EPERM with a static
 * reason. */
int typed_sign_permitted(TypedSign *t, Store *store, const KeyRights *rights,
                         const char **ret_reason);

/* Does what the purpose says, which may also be to decrypt: *ret is wiped by whoever frees it.
 * -EBADMSG: not what the purpose says, -EPERM: not what this key may sign, -EINVAL: digest; with a
 * static reason. -ECANCELED. */
int typed_sign(const TypedSign *t, uint8_t **ret, size_t *ret_size, const char **ret_reason);

/* Is it the header of an envelope, with the dot behind it, that t may sign at that time? As
 * typed_sign(). */
int typed_sign_check_head(const TypedSign *t, DerSpan head, int64_t now, const char **ret_reason);

/* Takes what is to be signed from a sealed memory file, from the offset to its end: what is small
 * is copied, which costs less than a mapping that every thread has to be told of. -EMSGSIZE when it
 * is more than the purpose allows. */
int typed_sign_take_input(TypedSign *t, int fd, uint64_t offset);

/* The same for what came in a message. */
int typed_sign_copy_input(TypedSign *t, const void *data, size_t size);

/* Releases everything, the input too. */
void typed_sign_done(TypedSign *t);
