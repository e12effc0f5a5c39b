/* SPDX-License-Identifier: Apache-2.0 */
/* verify-chain ANCHORS FILE PURPOSE NAME|- TIME required|optional|none [lenient]: the pool's
 * verdict on a chain, for tests/pki/test-paths.py. */
#include <stdint.h>

#include "atomic-file.h"
#include "bundle.h"
#include "trust-source.h"
#include "verify.h"

#include <fcntl.h>

static void *read_all(const char *path, size_t *ret_size)
{
    void *data;
    int r = read_file_at(AT_FDCWD, path, VERIFY_SIZE_MAX, &data, ret_size);

    if (r < 0) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(-r));
        exit(2);
    }
    return data;
}

/* PEM, or a trust source of p11-kit. */
static AuthorityList *read_anchors(const void *data, size_t size)
{
    static const AuthorityRules any = {.allow_v1 = true, .allow_expired = true};
    AuthorityList *list = authority_list_new();
    const char *reason;

    if (list && trust_source_parse((DerSpan){data, size}, &any, list) >= 0)
        return list;
    authority_list_free(list);
    return bundle_parse(data, size, &any, &list, &reason) < 0 ? NULL : list;
}

/* OpenSSL loses the policy constraints of a certificate that has no policies, before 3.0.22 and in
 * later branches (3.5.7 does). The leak sanitizer asks this; other programs have their own leaks
 * looked at everywhere. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return OpenSSL_version_num() < 0x30000160UL || OpenSSL_version_num() >= 0x30100000UL;
}

int main(int argc, char *argv[])
{
    _cleanup_(authority_list_freep) AuthorityList *list = NULL;
    _cleanup_free_ void *anchors = NULL, *data = NULL;
    VerifyRequest request = {0};
    VerifyVerdict verdict;
    const char *reason;
    size_t size;

    if (argc != 7 && (argc != 8 || !streq(argv[7], "lenient")))
        return 2;
    anchors = read_all(argv[1], &size);
    list = read_anchors(anchors, size);
    if (!list)
        return 2;
    request.data = data = read_all(argv[2], &request.size);
    request.purpose = argv[3];
    request.name = streq(argv[4], "-") ? NULL : argv[4];
    request.time = strtoll(argv[5], NULL, 10);
    request.revocation = streq(argv[6], "required")   ? VERIFY_REVOCATION_REQUIRED
                         : streq(argv[6], "optional") ? VERIFY_REVOCATION_OPTIONAL
                                                      : VERIFY_REVOCATION_NONE;
    request.lenient = argc == 8;
    if (verify_chain(&request, list, &verdict, &reason) < 0) {
        (void)printf("refused: %s\n", reason);
        return 1;
    }
    (void)printf("%s: %s, depth %u, path of %zu\n", verdict.valid ? "valid" : "invalid",
                 verdict.reason, verdict.depth, verdict.n);
    return !verdict.valid;
}
