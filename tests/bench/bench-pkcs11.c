/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 module: SoftHSM in the process, or p11-kit's client. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

#include "bench-sign.h"

#ifndef CKM_EDDSA
#define CKM_EDDSA 0x1057UL
#endif

typedef struct State {
    const BenchTask *task;
    CK_FUNCTION_LIST *p11;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_MECHANISM mechanism;
    bool hash; /* the module does not */
} State;

static void prepare(BenchTask *task)
{
    EVP_PKEY *key = bench_generate(task->algorithm);

    bench_make_request(key, &task->input);
    EVP_PKEY_free(key);
}

static void check(CK_RV rv, const char *what)
{
    char text[128];

    if (rv == CKR_OK)
        return;
    (void)snprintf(text, sizeof text, "%s: 0x%lx", what, rv);
    bench_fail(text);
}

static CK_SLOT_ID find_slot(State *s)
{
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16;
    CK_TOKEN_INFO info;

    check(s->p11->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    for (CK_ULONG i = 0; i < n; i++)
        if (s->p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            (info.flags & CKF_TOKEN_INITIALIZED) && memcmp(info.label, "bench", 5) == 0)
            return slots[i];
    bench_fail("no token");
}

static void find_key(State *s, const char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)}};
    CK_ULONG n = 0;

    check(s->p11->C_FindObjectsInit(s->session, wanted, 2), "C_FindObjectsInit");
    check(s->p11->C_FindObjects(s->session, &s->key, 1, &n), "C_FindObjects");
    check(s->p11->C_FindObjectsFinal(s->session), "C_FindObjectsFinal");
    if (n != 1)
        bench_fail("no key");
}

static void *state_new(const BenchTask *task)
{
    State *s = calloc(1, sizeof *s);
    void *module = dlopen(task->arguments[0], RTLD_NOW);
    CK_C_GetFunctionList get =
        module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
    char *pin = task->arguments[1];

    if (!get)
        bench_fail("no module");
    s->task = task;
    check(get(&s->p11), "C_GetFunctionList");
    check(s->p11->C_Initialize(NULL), "C_Initialize");
    check(s->p11->C_OpenSession(find_slot(s), CKF_SERIAL_SESSION, NULL, NULL, &s->session),
          "C_OpenSession");
    check(s->p11->C_Login(s->session, CKU_USER, (uint8_t *)pin, strlen(pin)), "C_Login");
    find_key(s, task->arguments[2]);
    s->hash = strcmp(task->algorithm, "p256") == 0;
    s->mechanism.mechanism = s->hash                                   ? CKM_ECDSA
                             : strcmp(task->algorithm, "ed25519") == 0 ? CKM_EDDSA
                                                                       : CKM_SHA256_RSA_PKCS;
    return s;
}

static unsigned long state_sign(void *data)
{
    State *s = data;
    uint8_t signature[1024], digest[EVP_MAX_MD_SIZE], *input = s->task->input.data;
    CK_ULONG size = sizeof signature, input_size = s->task->input.size;
    unsigned digest_size;

    if (s->hash) {
        if (EVP_Digest(input, input_size, digest, &digest_size, EVP_sha256(), NULL) != 1)
            bench_fail("no digest");
        input = digest;
        input_size = digest_size;
    }
    check(s->p11->C_SignInit(s->session, &s->mechanism, s->key), "C_SignInit");
    check(s->p11->C_Sign(s->session, input, input_size, signature, &size), "C_Sign");
    return 1;
}

const BenchSigner bench_pkcs11 = {"pkcs11", 3, prepare, state_new, state_sign, NULL};
