/* SPDX-License-Identifier: Apache-2.0 */
/* Transceivers by the bytes of their memory, laid out as the standards have it. */
#include "test-common.h"

#include "module-eeprom.h"

static void put(uint8_t *data, unsigned at, unsigned size, const char *text)
{
    memset(data + at, ' ', size);
    memcpy(data + at, text, strlen(text));
}

static void put_sum(uint8_t *data, unsigned first, unsigned at)
{
    data[at] = 0;
    for (unsigned i = first; i < at; i++)
        data[at] = (uint8_t)(data[at] + data[i]);
}

/* 10GBASE-SR: SFF-8472, table 4-1. */
static void make_sfp(uint8_t data[static 256])
{
    static const uint8_t head[] = {0x03, 0x04, 0x07, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x06, 0x67};

    memset(data, 0, 256);
    memcpy(data, head, sizeof head);
    put(data, 20, 16, "FINISAR CORP.");
    memcpy(data + 37, "\x00\x90\x65", 3);
    put(data, 40, 16, "FTLX8571D3BCL");
    put(data, 56, 4, "A");
    put(data, 68, 16, "AL20L80");
    put(data, 84, 8, "110521");
    put_sum(data, 0, 63);
    put_sum(data, 64, 95);
}

/* 40GBASE-SR4: SFF-8636, upper page 00h. */
static void make_qsfp(uint8_t data[static 256])
{
    memset(data, 0, 256);
    data[0] = data[128] = 0x0d;
    put(data, 148, 16, "AVAGO");
    memcpy(data + 165, "\x00\x17\x6a", 3);
    put(data, 168, 16, "AFBR-79EQDZ-CS2");
    put(data, 184, 2, "01");
    put(data, 196, 16, "AVM1950S0AA");
    put(data, 212, 8, "191212");
    put_sum(data, 128, 191);
    put_sum(data, 192, 223);
}

/* 400GBASE-DR4: CMIS, page 00h. */
static void make_cmis(uint8_t data[static 256])
{
    memset(data, 0, 256);
    data[0] = data[128] = 0x18;
    put(data, 129, 16, "CISCO-INNOLIGHT");
    memcpy(data + 145, "\x44\x7c\x7f", 3);
    put(data, 148, 16, "T-DP4CNT-NCI");
    put(data, 164, 2, "1A");
    put(data, 166, 16, "INL24320123");
    put(data, 182, 8, "201102");
    put_sum(data, 128, 222);
}

static void check(const uint8_t *data, size_t size, const char *const *wanted)
{
    const ModuleText *texts[5];
    Module m;

    assert_int_equal(module_parse(data, size, &m), 0);
    texts[0] = &m.vendor;
    texts[1] = &m.part;
    texts[2] = &m.revision;
    texts[3] = &m.serial;
    texts[4] = &m.date;
    assert_string_equal(m.type, wanted[0]);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(texts[i]->size, strlen(wanted[i + 1]));
        assert_memory_equal(texts[i]->data, wanted[i + 1], texts[i]->size);
    }
    assert_int_equal(m.identifier, data[0]);
    assert_true(m.is_checksum_good);
}

static void test_kinds(void **state)
{
    uint8_t data[256];
    Module m;

    make_sfp(data);
    check(data, 256,
          (const char *const[]){"sfp", "FINISAR CORP.", "FTLX8571D3BCL", "A", "AL20L80", "110521"});
    check(data, 96,
          (const char *const[]){"sfp", "FINISAR CORP.", "FTLX8571D3BCL", "A", "AL20L80", "110521"});
    assert_int_equal(module_parse(data, 95, &m), -ENODATA);
    make_qsfp(data);
    check(data, 256,
          (const char *const[]){"qsfp", "AVAGO", "AFBR-79EQDZ-CS2", "01", "AVM1950S0AA", "191212"});
    assert_int_equal(module_parse(data, 255, &m), -ENODATA);
    make_cmis(data);
    check(data, 256,
          (const char *const[]){"cmis", "CISCO-INNOLIGHT", "T-DP4CNT-NCI", "1A", "INL24320123",
                                "201102"});
    assert_int_equal(module_parse(data, 256, &m), 0);
    assert_memory_equal(m.oui, "\x44\x7c\x7f", 3);
}

static void test_checksums(void **state)
{
    void (*const makers[])(uint8_t[static 256]) = {make_sfp, make_qsfp, make_cmis};
    static const unsigned inside[][2] = {{20, 68}, {148, 196}, {129, 166}};

    for (size_t i = 0; i < ELEMENTSOF(makers); i++)
        for (size_t k = 0; k < 2; k++) {
            uint8_t data[256];
            Module m;

            makers[i](data);
            data[inside[i][k]] ^= 1;
            assert_int_equal(module_parse(data, sizeof data, &m), 0);
            assert_false(m.is_checksum_good);
        }
}

static void test_none(void **state)
{
    uint8_t data[256] = {0};
    Module m;

    assert_int_equal(module_parse(data, 0, &m), -ENODATA);
    assert_int_equal(module_parse(data, sizeof data, &m), -ENODATA);
    memset(data, 0xff, sizeof data);
    assert_int_equal(module_parse(data, sizeof data, &m), -ENODATA);
    data[0] = 0x06; /* XFP */
    assert_int_equal(module_parse(data, sizeof data, &m), -EOPNOTSUPP);
    make_sfp(data);
    memset(data + 20, 0, 16);
    assert_int_equal(module_parse(data, sizeof data, &m), 0);
    assert_int_equal(m.vendor.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
