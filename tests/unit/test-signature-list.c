/* SPDX-License-Identifier: Apache-2.0 */
/* The databases of Secure Boot: what is in them, and what is no such database. */
#include "fixture-tree.h"

#include "signature-list.h"

#define EFIVARS "sys/firmware/efi/efivars/"
#define GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SECURITY "-d719b2cb-3d3a-4596-a3bc-dad00e67656f"

static const uint8_t sha256_type[] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
                                      0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};
static const uint8_t x509_type[] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                    0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
static const uint8_t owner[] = {0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde,
                                1,    2,    3,    4,    5,    6,    7,    8};

typedef struct Database {
    uint8_t data[4096];
    size_t size;
} Database;

static void put(Database *d, const void *data, size_t size)
{
    memcpy(d->data + d->size, data, size);
    d->size += size;
}

static void put_number(Database *d, uint32_t n)
{
    put(d, (const uint8_t[]){(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)},
        4);
}

/* n signatures of that many bytes, the first of all 1, the second of all 2. */
static void put_list(Database *d, const uint8_t type[16], unsigned n, uint32_t size,
                     uint32_t header)
{
    uint8_t bytes[256];

    put(d, type, 16);
    put_number(d, 28 + header + n * (16 + size));
    put_number(d, header);
    put_number(d, 16 + size);
    memset(bytes, 0xee, sizeof bytes);
    put(d, bytes, header);
    for (unsigned i = 1; i <= n; i++) {
        memset(bytes, (int)i, sizeof bytes);
        put(d, owner, sizeof owner);
        put(d, bytes, size);
    }
}

static int count(const Database *d, size_t size, unsigned *ret)
{
    SignatureReader reader;
    Signature s;
    int r;

    *ret = 0;
    signature_reader_init(&reader, d->data, size);
    while ((r = signature_reader_next(&reader, &s)) > 0)
        (*ret)++;
    return r;
}

static void test_lists(void **state)
{
    char text[SIGNATURE_GUID_TEXT_SIZE];
    Database d = {.size = 0};
    SignatureReader reader;
    Signature s;
    unsigned n;

    put_list(&d, sha256_type, 2, 32, 0);
    put_list(&d, sha256_type, 0, 32, 0);
    put_list(&d, x509_type, 1, 100, 4);
    assert_int_equal(count(&d, d.size, &n), 0);
    assert_int_equal(n, 3);
    signature_reader_init(&reader, d.data, d.size);
    assert_int_equal(signature_reader_next(&reader, &s), 1);
    assert_int_equal(signature_reader_next(&reader, &s), 1);
    assert_string_equal(signature_type_name(s.type), "sha256");
    assert_true(s.size == 32 && s.data[0] == 2 && s.data[31] == 2);
    signature_guid_render(s.owner, text);
    assert_string_equal(text, "12345678-9abc-def0-0102-030405060708");
    assert_int_equal(signature_reader_next(&reader, &s), 1);
    assert_string_equal(signature_type_name(s.type), "x509");
    assert_true(s.size == 100 && s.data[0] == 1);
    assert_null(signature_type_name(owner));
}

/* Cut anywhere it is said, and what came before is good. */
static void test_cut_short(void **state)
{
    const size_t whole[] = {0, 28 + 96, 28 + 96 + 28 + 48};
    Database d = {.size = 0};
    unsigned n;

    put_list(&d, sha256_type, 2, 32, 0);
    put_list(&d, sha256_type, 1, 32, 0);
    for (size_t size = 0; size <= d.size; size++) {
        bool is_whole = size == whole[0] || size == whole[1] || size == whole[2];

        assert_int_equal(count(&d, size, &n), is_whole ? 0 : -EBADMSG);
        assert_int_equal(n, size < whole[1] ? 0 : size < whole[2] ? 2 : 3);
    }
}

static void test_sizes(void **state)
{
    static const uint32_t bad[][3] = {{27, 0, 48},
                                      {28 + 48, 0, 0},
                                      {28 + 48, 0, 16},
                                      {28 + 48, 0, 47},
                                      {28 + 49, 0, 48},
                                      {28 + 48, 49, 48},
                                      {UINT32_MAX, 0, 48},
                                      {0, 0, 48},
                                      {28 + 48, UINT32_MAX, 48},
                                      {28 + 48, 0, UINT32_MAX}};
    unsigned n;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        Database d = {.size = 0};

        put(&d, sha256_type, 16);
        for (size_t k = 0; k < 3; k++)
            put_number(&d, bad[i][k]);
        d.size += 48;
        assert_int_equal(count(&d, d.size, &n), -EBADMSG);
        assert_int_equal(n, 0);
    }
}

static void test_fact(void **state)
{
    FixtureTree t;
    Database d = {.data = {0x27, 0, 0, 0}, .size = 4};
    _cleanup_json_ json_object *o = NULL;
    json_object *fact;
    Collect c;

    tree_new(&t);
    tree_file(&t, EFIVARS "other", "");
    o = tree_collect(&t, collect_integrity, &c);
    fact = json_fact(o, "secure-boot-databases");
    assert_string_equal(json_text_at(fact, "result-code"), "Not available");
    json_object_put(o);
    put_list(&d, sha256_type, 1, 32, 0);
    tree_bytes(&t, EFIVARS "dbx" SECURITY, d.data, d.size - 1);
    o = tree_collect(&t, collect_integrity, &c);
    fact = json_fact(o, "secure-boot-databases");
    assert_string_equal(json_text_at(fact, "result-code"), "Partial");
    json_object_put(o);
    tree_bytes(&t, EFIVARS "dbx" SECURITY, d.data, d.size);
    put_list(&d, x509_type, 1, 3, 0);
    tree_bytes(&t, EFIVARS "PK" GLOBAL, d.data, d.size);
    o = tree_collect(&t, collect_integrity, &c);
    fact = json_fact(o, "secure-boot-databases");
    assert_string_equal(json_text_at(fact, "result-code"), "Success");
    assert_string_equal(json_text_at(fact, "value/0/name"), "PK");
    assert_string_equal(json_text_at(fact, "value/0/signatures/1/type"), "x509");
    assert_string_equal(json_text_at(fact, "value/0/signatures/1/sha256-fingerprint"),
                        "75c8fd04ad916aec3e3d5cb76a452b116b3d4d0912a0a485e9fb8e3d240e210c");
    assert_string_equal(json_text_at(fact, "value/1/name"), "dbx");
    assert_string_equal(json_text_at(fact, "value/1/signatures/0/digest"),
                        "0101010101010101010101010101010101010101010101010101010101010101");
    assert_string_equal(json_text_at(fact, "value/1/signatures/0/owner"),
                        "12345678-9abc-def0-0102-030405060708");
    tree_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_fact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
