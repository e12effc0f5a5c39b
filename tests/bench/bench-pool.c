/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/bench/pool measures with; not installed, and no part of ./check.
 *     bench-pool make NUMBER FILE          makes CA certificates, concatenated PEM
 *     bench-pool steps FILE ROUNDS         microseconds of each step of an import, and of OpenSSL
 *     bench-pool verify ROOTS CHAIN SECONDS    verifications per second by OpenSSL, in this process
 *     bench-pool import URL | import-data FILE | list FINGERPRINT ROUNDS | nothing ROUNDS |
 *         bus-verify known|new CHAIN SECONDS    see the header
 */
#include "bench-pool.h"

#include <fcntl.h>
#include <ftw.h>
#include <openssl/pem.h>
#include <time.h>

#include "atomic-file.h"
#include "bundle.h"
#include "export.h"
#include "pool.h"
#include "store.h"
#include "verify.h"

double bench_now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void bench_check(int r, const char *what)
{
    if (r < 0) {
        (void)fprintf(stderr, "%s: %s\n", what, strerror(-r));
        exit(EXIT_FAILURE);
    }
}

/* --- Certificates ----------------------------------------------------------------------------- */

static void add_extension(X509 *certificate, int nid, const char *value)
{
    _cleanup_(X509_EXTENSION_freep) X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    bench_check(extension && X509_add_ext(certificate, extension, -1) == 1 ? 0 : -ENOMEM,
                "extension");
}

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    bench_check(key ? 0 : -ENOMEM, "key");
    return key;
}

static void make_one(FILE *f, unsigned number, EVP_PKEY *signer)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = make_key();
    _cleanup_(X509_freep) X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    char text[64];

    (void)snprintf(text, sizeof text, "Bench Root %u", number);
    bench_check(
        X509_NAME_add_entry_by_txt(name, "C", MBSTRING_UTF8, (const uint8_t *)"DE", -1, -1, 0) &&
                X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                           (const uint8_t *)"Chancery Bench", -1, -1, 0) &&
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)text, -1, -1,
                                           0) &&
                X509_set_issuer_name(certificate, name) && X509_set_version(certificate, 2) &&
                ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)number + 1) &&
                X509_gmtime_adj(X509_getm_notBefore(certificate), -86400) &&
                X509_gmtime_adj(X509_getm_notAfter(certificate), 365L * 86400) &&
                X509_set_pubkey(certificate, key)
            ? 0
            : -ENOMEM,
        "certificate");
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    bench_check(X509_sign(certificate, signer, EVP_sha256()) > 0 ? 0 : -EIO, "signature");
    bench_check(PEM_write_X509(f, certificate) == 1 ? 0 : -EIO, "output");
}

static int make(unsigned number, const char *path)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *signer = make_key();
    FILE *f = fopen(path, "we");

    bench_check(f ? 0 : -errno, path);
    for (unsigned i = 0; i < number; i++)
        make_one(f, i, signer);
    bench_check(fclose(f) == 0 ? 0 : -errno, path);
    return EXIT_SUCCESS;
}

/* --- Steps ------------------------------------------------------------------------------------ */

static size_t parse_bare(const void *data, size_t size)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(data, (int)size);
    size_t n = 0;
    X509 *certificate;

    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        X509_free(certificate);
        n++;
    }
    ERR_clear_error();
    return n;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

/* Each authority, by its fingerprint: what an import does for each certificate. */
static void look_up(const AuthorityList *list)
{
    for (size_t i = 0; i < list->n; i++)
        bench_check(authority_list_find(list, list->items[i]->digest) ? 0 : -ENOENT, "look-up");
}

static void print_step(const char *name, double *at)
{
    double t = bench_now();

    printf(" %s=%.0f", name, t - *at);
    *at = bench_now();
}

static void one_round(const void *data, size_t size, const char *folder)
{
    const AuthorityRules rules = {.now = time(NULL)};
    StoreOrigin origin = {.url = (char[]){"bench"}}, loaded_origin;
    _cleanup_(authority_list_freep) AuthorityList *built_in = authority_list_new(), *loaded = NULL;
    _cleanup_(pool_freep) Pool *pool = NULL;
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AuthorityList *list;
    const char *reason;
    double at = bench_now(), start;
    size_t n;

    bench_check(fd < 0 ? -errno : 0, folder);
    n = parse_bare(data, size);
    printf("n=%zu", n);
    print_step("openssl-parse", &at);
    start = at;
    bench_check(bundle_parse(data, size, &rules, &list, &reason), "parse");
    print_step("parse", &at);
    look_up(list);
    print_step("look-up-all", &at);
    bench_check(pool_new(built_in, list, false, &pool), "pool");
    print_step("pool", &at);
    bench_check(store_save(fd, &origin, pool_get_downloaded(pool)), "store");
    print_step("store", &at);
    bench_check(export_pool(fd, pool_get_active(pool)), "export");
    print_step("export", &at);
    printf(" import=%.0f", at - start);
    bench_check(store_load(fd, NULL, &loaded, &loaded_origin), "load");
    print_step("load", &at);
    store_origin_done(&loaded_origin);
    printf("\n");
}

static int steps(const char *path, unsigned rounds)
{
    char folder[] = "/dev/shm/bench-pool-XXXXXX";
    _cleanup_free_ void *data = NULL;
    size_t size;

    bench_check(read_file_at(AT_FDCWD, path, BUNDLE_SIZE_MAX, &data, &size), path);
    bench_check(mkdtemp(folder) ? 0 : -errno, folder);
    for (unsigned i = 0; i < rounds; i++)
        one_round(data, size, folder);
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return EXIT_SUCCESS;
}

/* --- Verification ----------------------------------------------------------------------------- */

static STACK_OF(X509) * read_all(const char *path)
{
    STACK_OF(X509) *stack = sk_X509_new_null();
    X509 *certificate;
    FILE *f = fopen(path, "re");

    bench_check(f && stack ? 0 : -errno, path);
    while ((certificate = PEM_read_X509(f, NULL, NULL, NULL)))
        bench_check(sk_X509_push(stack, certificate) > 0 ? 0 : -ENOMEM, path);
    (void)fclose(f);
    ERR_clear_error();
    return stack;
}

/* The chain is parsed once or each time, the roots once. */
static double verify_rate(X509_STORE *store, const char *chain, bool parse, double seconds)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *certificates = read_all(chain);
    double start = bench_now(), end = start + seconds * 1e6;
    unsigned n = 0;

    for (; bench_now() < end; n++) {
        _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();

        if (parse) {
            sk_X509_pop_free(certificates, X509_free);
            certificates = read_all(chain);
        }
        bench_check(
            X509_STORE_CTX_init(context, store, sk_X509_value(certificates, 0), certificates) &&
                    X509_verify_cert(context) == 1
                ? 0
                : -EKEYREJECTED,
            chain);
    }
    return n / (bench_now() - start) * 1e6;
}

static int verify(const char *roots, const char *chain, double seconds)
{
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();

    bench_check(X509_STORE_load_file(store, roots) == 1 ? 0 : -EBADMSG, roots);
    (void)X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
    printf("%.1f %.1f\n", verify_rate(store, chain, false, seconds),
           verify_rate(store, chain, true, seconds));
    return EXIT_SUCCESS;
}

/* seconds: of verifications; 0: import it. */
static int on_bus(const char *path, double seconds, bool known)
{
    _cleanup_free_ void *data = NULL;
    size_t size;

    bench_check(read_file_at(AT_FDCWD, path, BUNDLE_SIZE_MAX, &data, &size), path);
    return seconds > 0 ? bench_bus_verify(data, size, seconds, known)
                       : bench_import_data(data, size);
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char *argv[])
{
    const char *word = argc > 2 ? argv[1] : "";

    if (argc == 4 && streq(word, "make"))
        return make(number(argv[2]), argv[3]);
    if (argc == 4 && streq(word, "steps"))
        return steps(argv[2], number(argv[3]));
    if (argc == 5 && streq(word, "verify"))
        return verify(argv[2], argv[3], strtod(argv[4], NULL));
    if (argc == 3 && streq(word, "import"))
        return bench_import(argv[2]);
    if (argc == 4 && streq(word, "list"))
        return bench_list(argv[2], number(argv[3]));
    if (argc == 3 && streq(word, "nothing"))
        return bench_nothing(number(argv[2]));
    if (argc == 5 && streq(word, "bus-verify"))
        return on_bus(argv[3], strtod(argv[4], NULL), streq(argv[2], "known"));
    if (argc == 3 && streq(word, "import-data"))
        return on_bus(argv[2], 0, false);
    (void)fputs("See the head of bench-pool.c.\n", stderr);
    return EXIT_FAILURE;
}
