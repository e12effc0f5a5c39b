/* SPDX-License-Identifier: Apache-2.0 */
/* What keys, their pairs and the ways to enroll are called. */
#include "trustpoint-config.h"

const char *enrollment_method_name(EnrollmentMethod method)
{
    static const char *const names[_METHOD_MAX] = {
        [METHOD_NONE] = "none", [METHOD_SELF] = "self", [METHOD_TERMINAL] = "terminal",
        [METHOD_TFTP] = "tftp", [METHOD_SFTP] = "sftp", [METHOD_LOCAL] = "local",
        [METHOD_SCEP] = "scep", [METHOD_EST] = "est",   [METHOD_CMP] = "cmp"};

    return names[method];
}

int enrollment_method_from_name(const char *name, EnrollmentMethod *ret)
{
    for (unsigned i = 0; i < _METHOD_MAX; i++)
        if (streq(enrollment_method_name(i), name)) {
            *ret = (EnrollmentMethod)i;
            return 0;
        }
    return -EINVAL;
}

/* --- Keys and usages -------------------------------------------------------------------------- */

static const char *const pair_names[_PAIR_MAX] = {[PAIR_GENERAL] = "general",
                                                  [PAIR_SIGNATURE] = "signature",
                                                  [PAIR_ENCRYPTION] = "encryption",
                                                  [PAIR_NEXT] = "next"};

const char *key_pair_name(KeyPair pair)
{
    return pair_names[pair];
}

int key_pair_from_name(const char *name, KeyPair *ret)
{
    for (size_t i = 0; i < _PAIR_MAX; i++)
        if (streq(pair_names[i], name)) {
            *ret = (KeyPair)i;
            return 0;
        }
    return -EINVAL;
}

void key_name_done(KeyName *key)
{
    free(key->algorithm);
    free(key->label);
    *key = (KeyName){};
}

int key_name_copy(const KeyName *from, KeyName *to)
{
    KeyName copy = {strdup(from->algorithm), strdup(from->label), from->pair};

    if (!copy.algorithm || !copy.label) {
        key_name_done(&copy);
        return -ENOMEM;
    }
    *to = copy;
    return 0;
}

bool key_name_equal(const KeyName *a, const KeyName *b)
{
    return streq_ptr(a->algorithm, b->algorithm) && streq_ptr(a->label, b->label);
}

bool key_algorithm_is_rsa_or_ecdsa(const char *algorithm)
{
    return streq(algorithm, "rsa") || strncmp(algorithm, "ecdsa", STRLEN("ecdsa")) == 0;
}

uint32_t key_algorithm_code(const char *algorithm)
{
    static const struct {
        const char *name;
        uint32_t code;
    } algorithms[] = {
        {"rsa", 1},           {"ecdsanistp256", 2}, {"ecdsanistp384", 4},
        {"ecdsanistp521", 8}, {"dsa", 16},          {"ed25519", 32},
    };

    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
        if (streq(algorithms[i].name, algorithm))
            return algorithms[i].code;
    return 0;
}
