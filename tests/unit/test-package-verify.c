/* SPDX-License-Identifier: Apache-2.0 */
/* Files of packages against dpkg's digests: both sides of the socket, over a tree. */
#include "fixture-tree.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sys/socket.h>

#include "package-verify.h"
#include "probe-digests.h"

#define STATUS(more)                                                                               \
    "Package: one\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n" more "\n"

typedef struct Reader {
    const FixtureTree *tree;
    const char *answer; /* instead of a true one */
    int fd;
    pthread_t thread;
    int result;
} Reader;

static void *read_files(void *userdata)
{
    Reader *r = userdata;

    if (r->answer) {
        (void)send(r->fd, r->answer, strlen(r->answer), MSG_NOSIGNAL);
        (void)shutdown(r->fd, SHUT_WR);
        while (recv(r->fd, &(char){0}, 1, 0) > 0)
            ;
    } else
        r->result = probe_digests(r->tree->fd, r->fd);
    (void)close(r->fd);
    return NULL;
}

static int connect_reader(void *userdata, ProbeKind kind)
{
    Reader *r = userdata;
    int fds[2];

    assert_int_equal(kind, PROBE_DIGESTS);
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
    r->fd = fds[1];
    assert_int_equal(pthread_create(&r->thread, NULL, read_files, r), 0);
    return fds[0];
}

static int connect_nobody(void *userdata, ProbeKind kind)
{
    return -ECONNREFUSED;
}

static json_object *collect(const FixtureTree *t, int (*connect)(void *userdata, ProbeKind kind),
                            Reader *reader)
{
    const CollectHost host = {.connect_probe = connect, .userdata = reader};
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);
    Collect c = {.writer = w,
                 .root_fd = t->fd,
                 .host = &host,
                 .verify_packages = true,
                 .deadline_usec = UINT64_MAX};

    json_begin_object(w, NULL);
    collect_packages(&c);
    json_end_object(w);
    assert_int_equal(json_writer_finish(w), 0);
    if (reader)
        assert_int_equal(pthread_join(reader->thread, NULL), 0);
    return memory_json(fd);
}

static void md5(const char *text, char ret[static 33])
{
    uint8_t digest[16];

    assert_int_equal(EVP_Digest(text, strlen(text), digest, NULL, EVP_md5(), NULL), 1);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static void tree_sums(const FixtureTree *t, const char *more)
{
    static const char *const files[] = {"usr/a", "usr/b", "usr/c d\\", "usr/gone", "usr/other"};
    char list[4096] = "", digest[33];

    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        size_t used = strlen(list);

        md5(files[i], digest);
        (void)snprintf(list + used, sizeof list - used, "%s  %s\n", digest, files[i]);
        if (i < 3)
            tree_file(t, files[i], files[i]);
    }
    (void)snprintf(list + strlen(list), sizeof list - strlen(list), "%s", more);
    tree_file(t, "usr/real", "usr/other");
    tree_file(t, "var/lib/dpkg/diversions",
              "/usr/other\n/usr/real\nanother\n/usr/a\n/usr/z\none\n");
    tree_file(t, "var/lib/dpkg/info/one.md5sums", list);
}

static json_object *verification(json_object *o)
{
    return json_at(o, "dpkg/packages/0/verification");
}

static void test_differences(void **state)
{
    char status[512], digest[33];
    Reader r = {0};
    json_object *o, *v;
    FixtureTree t;

    tree_new(&t);
    r.tree = &t;
    tree_sums(&t, "");
    tree_file(&t, "etc/kept", "kept");
    tree_file(&t, "etc/edited", "edited");
    md5("kept", digest);
    (void)snprintf(status, sizeof status,
                   STATUS("Conffiles:\n /etc/kept %s\n /etc/edited %s\n /etc/old %s obsolete\n "
                          "/etc/new newconffile\nDescription: x\n more\n"),
                   digest, digest, digest);
    tree_file(&t, "var/lib/dpkg/status", status);
    o = collect(&t, connect_reader, &r);
    v = verification(o);
    assert_int_equal(r.result, -EPIPE);
    assert_string_equal(json_text_at(v, "result-code"), "Success");
    assert_int_equal(json_object_get_int(json_at(v, "files")), 7);
    assert_int_equal(json_object_array_length(json_at(v, "differences")), 2);
    assert_string_equal(json_text_at(v, "differences/0/name"), "/usr/gone");
    assert_string_equal(json_text_at(v, "differences/0/state"), "missing");
    assert_string_equal(json_text_at(v, "differences/1/name"), "/etc/edited");
    assert_string_equal(json_text_at(v, "differences/1/state"), "changed");
    assert_true(json_object_get_boolean(json_at(v, "differences/1/conffile")));
    json_object_put(o);
    /* Something else than a file is a change, and is not waited for. */
    assert_return_code(unlinkat(t.fd, "usr/a", 0), errno);
    assert_return_code(symlinkat("b", t.fd, "usr/a"), errno);
    assert_return_code(unlinkat(t.fd, "usr/b", 0), errno);
    assert_return_code(mkfifoat(t.fd, "usr/b", 0644), errno);
    o = collect(&t, connect_reader, &r);
    v = verification(o);
    assert_string_equal(json_text_at(v, "differences/0/name"), "/usr/a");
    assert_string_equal(json_text_at(v, "differences/0/state"), "changed");
    assert_string_equal(json_text_at(v, "differences/1/name"), "/usr/b");
    assert_string_equal(json_text_at(v, "differences/1/state"), "changed");
    json_object_put(o);
    tree_done(&t);
}

static void test_too_many_diversions(void **state)
{
    static const char one[] = "/x\n/y\nz\n";
    char list[1025 * STRLEN(one) + 1];
    Reader r = {0};
    FixtureTree t;

    tree_new(&t);
    r.tree = &t;
    tree_sums(&t, "");
    tree_file(&t, "var/lib/dpkg/status", STATUS("Description: x\n"));
    for (unsigned i = 0; i < 1025; i++)
        memcpy(list + i * STRLEN(one), one, sizeof one);
    for (unsigned n = 1023; n <= 1025; n++) {
        const bool is_cut = n != 1024; /* or in the middle of the last one */
        json_object *o;

        tree_bytes(&t, "var/lib/dpkg/diversions", list,
                   n * STRLEN(one) + (n == 1023 ? STRLEN("/x\n") : 0));
        o = collect(&t, connect_reader, &r);
        assert_string_equal(json_text_at(o, "dpkg/result-code"), is_cut ? "Partial" : "Success");
        assert_int_equal(json_at(o, "dpkg/verification-failure") != NULL, is_cut);
        json_object_put(o);
    }
    tree_done(&t);
}

/* Whoever takes the list of digests away has not made the package good. */
static void test_no_list(void **state)
{
    char status[512], digest[33];
    Reader r = {0};
    json_object *o, *v;
    FixtureTree t;

    tree_new(&t);
    r.tree = &t;
    tree_file(&t, "etc/kept", "kept");
    md5("kept", digest);
    (void)snprintf(status, sizeof status, STATUS("Conffiles:\n /etc/kept %s\n"), digest);
    tree_file(&t, "var/lib/dpkg/status", status);
    o = collect(&t, connect_reader, &r);
    v = verification(o);
    assert_string_equal(json_text_at(v, "result-code"), "Not available");
    assert_non_null(strstr(json_text_at(v, "reason"), "but for the configuration files"));
    assert_int_equal(json_object_get_int(json_at(v, "files")), 1);
    assert_string_equal(json_text_at(o, "dpkg/result-code"), "Success");
    json_object_put(o);
    tree_done(&t);
}

static void test_wrong_lists(void **state)
{
    Reader r = {0};
    json_object *o, *v;
    FixtureTree t;

    tree_new(&t);
    r.tree = &t;
    tree_sums(&t, "short  usr/x\nD41D8CD98F00B204E9800998ECF8427E  usr/x\n\n"
                  "d41d8cd98f00b204e9800998ecf8427e usr/x\n");
    tree_file(&t, "var/lib/dpkg/status", STATUS("Conffiles:\n none\n /etc/x 12\n"));
    o = collect(&t, connect_reader, &r);
    v = verification(o);
    assert_string_equal(json_text_at(v, "result-code"), "Partial");
    assert_non_null(strstr(json_text_at(v, "reason"), "6 digests not understood"));
    assert_int_equal(json_object_get_int(json_at(v, "files")), 5);
    json_object_put(o);
    tree_done(&t);
}

/* The packages are listed whoever reads the files, or nobody. */
static void test_wrong_answers(void **state)
{
    static const char *const answers[] = {"", "x", "sss", "ssssx"};
    json_object *o;
    FixtureTree t;

    tree_new(&t);
    tree_sums(&t, "");
    tree_file(&t, "var/lib/dpkg/status", STATUS(""));
    for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
        Reader r = {.tree = &t, .answer = answers[i]};

        o = collect(&t, connect_reader, &r);
        assert_string_equal(json_text_at(verification(o), "result-code"), "Failed");
        assert_string_equal(json_text_at(o, "dpkg/packages/0/name"), "one");
        assert_string_equal(json_text_at(o, "dpkg/result-code"), "Partial");
        json_object_put(o);
    }
    o = collect(&t, connect_nobody, NULL);
    assert_null(verification(o));
    assert_non_null(strstr(json_text_at(o, "dpkg/verification-failure"), "Connection refused"));
    assert_string_equal(json_text_at(o, "dpkg/packages/0/name"), "one");
    assert_string_equal(json_text_at(o, "dpkg/result-code"), "Partial");
    json_object_put(o);
    tree_done(&t);
}

static void test_records(void **state)
{
    uint8_t good[2 + 32 + 2 + 2] = {3, 32}, bad[sizeof good];
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 0}, {0, 6}, {1, 31}, {34, 0}, {34, 3}, {35, 1}, {36, 0}, {37, 0}};
    DigestRecord r;
    size_t at = 0;

    good[34] = 2;
    good[36] = '/';
    good[37] = 'x';
    for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
        memcpy(bad, good, sizeof good);
        bad[changes[i].at] = changes[i].value;
        at = 0;
        assert_int_equal(digest_record_next(bad, sizeof bad, &at, &r), -EBADMSG);
    }
    for (size_t size = 1; size < sizeof good; size++) {
        at = 0;
        assert_int_equal(digest_record_next(good, size, &at, &r), -EBADMSG);
    }
    at = 0;
    assert_int_equal(digest_record_next(good, sizeof good, &at, &r), 1);
    assert_string_equal(r.algorithm, "SHA256");
    assert_int_equal(r.path_size, 2);
    assert_int_equal(digest_record_next(good, sizeof good, &at, &r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),   cmocka_unit_test(test_too_many_diversions),
        cmocka_unit_test(test_no_list),       cmocka_unit_test(test_wrong_lists),
        cmocka_unit_test(test_wrong_answers), cmocka_unit_test(test_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
