/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says, parsed; what is found; what is believed of an answer; and what becomes of
 * it in the dossier. */
#include "fixture-tree.h"

#include <linux/bpf.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "probe-client.h"
#include "probe.h"
#include "scan.h"

/* --- Parsing ---------------------------------------------------------------------------------- */

static void test_map_lines(void **state)
{
    static const char *const wrong[] = {
        "",
        "x",
        "00-01",
        "00-01 r-xp",
        "00-01 r-xp 0 00 1",
        "00-01 r-x 00000000 00:00 12",
        "00-01 r-xp 00000000 00:00 ",
        "00-01 r-xp 00000000 00:00 99999999999999999999999",
        "g0-01 r-xp 00000000 00:00 12",
    };
    static const char line[] = "7f00-7f10 r-xp 00002000 fe:01 131      /a b (deleted)";
    MapLine map;

    for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
        if (map_line_parse(wrong[i], strlen(wrong[i]), &map) != -EBADMSG)
            fail_msg("taken: %s", wrong[i]);
    assert_int_equal(map_line_parse(line, strlen(line), &map), 0);
    assert_true(map.is_executable);
    assert_int_equal(map.inode, 131);
    assert_int_equal(map.device, UINT64_C(0xfe00000001));
    assert_int_equal(map.path_size, strlen("/a b (deleted)"));
    assert_memory_equal(map.path, "/a b (deleted)", map.path_size);
    assert_int_equal(path_without_deleted(map.path, map.path_size), strlen("/a b"));
    assert_int_equal(path_without_deleted("/a", 2), 2);
    assert_int_equal(map_line_parse("0-1 rw-p 0 0:0 0", 16, &map), 0);
    assert_false(map.is_executable);
    assert_int_equal(map.path_size, 0);
}

static void test_file_capabilities(void **state)
{
    /* Revision 2, effective, cap_net_raw permitted, cap_setfcap inheritable; revision 3 of it. */
    uint8_t data[24] = {1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3};
    FileCapabilities caps;

    for (size_t size = 0; size <= sizeof data; size++)
        if (size != 20)
            assert_int_equal(file_capabilities_parse(data, size, &caps), -EBADMSG);
    assert_int_equal(file_capabilities_parse(data, 20, &caps), 0);
    assert_true(caps.effective);
    assert_int_equal(caps.permitted, UINT64_C(1) << 13);
    assert_int_equal(caps.inheritable, UINT64_C(1) << 31);
    assert_int_equal(caps.root_uid, 0);
    assert_string_equal(capability_name(13), "cap_net_raw");
    assert_string_equal(capability_name(31), "cap_setfcap");
    assert_string_equal(capability_name(40), "cap_checkpoint_restore");
    assert_null(capability_name(41));
    data[3] = 3;
    assert_int_equal(file_capabilities_parse(data, 20, &caps), -EBADMSG);
    assert_int_equal(file_capabilities_parse(data, 24, &caps), 0);
    assert_int_equal(caps.root_uid, 1000);
    data[3] = 9;
    assert_int_equal(file_capabilities_parse(data, 24, &caps), -EBADMSG);
}

/* --- The answer that is believed -------------------------------------------------------------- */

#define END "{\"end\":true,\"unreadable\":0}"
#define PROCESS                                                                                    \
    "{\"pid\":7,\"uid\":0,\"process-name\":\"x\",\"start-time\":1.5,\"files\":[{\"name-base64\":"  \
    "\"/w==\",\"use\":\"mapped\",\"change-kind\":\"deleted\"}]}"
#define PROGRAM                                                                                    \
    "{\"program-id\":7,\"type\":\"xdp\",\"program-name\":\"\",\"tag\":\"0011223344556677\","       \
    "\"uid\":0,\"load-time\":2.000001,\"gpl-compatible\":true,\"size\":8,\"maps\":0}"
#define LINK "{\"link-id\":3,\"program-id\":7,\"type\":\"xdp\",\"interface-index\":2}"
#define PRIVILEGED                                                                                 \
    "{\"name\":\"/x\",\"mode\":35309,\"uid\":0,\"gid\":0,\"capabilities\":{\"effective\":true,"    \
    "\"permitted\":[\"cap_net_raw\"],\"inheritable\":[]}}"

static int parse(ProbeKind kind, const char *text)
{
    _cleanup_json_ json_object *o = NULL;

    return probe_parse(kind, text, strlen(text), &o);
}

static void test_refuses(void **state)
{
    static const struct {
        ProbeKind kind;
        const char *text;
    } wrong[] = {
        {PROBE_PROCESSES, ""},
        {PROBE_PROCESSES, "[]"},
        {PROBE_PROCESSES, "1"},
        {PROBE_PROCESSES, "{}"},
        {PROBE_PROCESSES, PROGRAM},
        {PROBE_PROGRAMS, PROCESS},
        {PROBE_FILES, PROCESS},
        {PROBE_PROCESSES, "{\"end\":true}"},
        {PROBE_PROCESSES, "{\"end\":true,\"unreadable\":-1}"},
        {PROBE_PROCESSES, "{\"end\":true,\"unreadable\":0,\"more\":1}"},
        {PROBE_PROCESSES, "{\"pid\":7,\"uid\":0,\"process-name\":\"x\",\"start-time\":1,\"files\":"
                          "[{\"name\":\"/x\",\"use\":\"mapped\"}]}"},
        {PROBE_PROCESSES, "{\"pid\":7,\"uid\":0,\"process-name\":\"x\",\"start-time\":-1,\"files\":"
                          "[]}"},
        {PROBE_PROCESSES, "{\"pid\":7,\"uid\":0,\"process-name\":\"x\",\"process-name-base64\":"
                          "\"eA==\",\"start-time\":1,\"files\":[]}"},
        {PROBE_FILES, "{\"name\":\"/x\",\"mode\":1,\"uid\":0,\"gid\":0,\"capabilities\":{}}"},
        {PROBE_FILES, "{\"name\":\"/x\",\"mode\":1,\"uid\":0,\"gid\":0,\"capabilities\":{"
                      "\"effective\":true,\"permitted\":[1],\"inheritable\":[]}}"},
        {PROBE_FILES, "{\"name\":7,\"mode\":1,\"uid\":0,\"gid\":0}"},
    };

    for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
        if (parse(wrong[i].kind, wrong[i].text) != -EBADMSG)
            fail_msg("taken: %s", wrong[i].text);
}

static void test_accepts(void **state)
{
    assert_int_equal(parse(PROBE_PROCESSES, END), 0);
    assert_int_equal(parse(PROBE_PROCESSES, PROCESS), 0);
    assert_int_equal(parse(PROBE_PROGRAMS, PROGRAM), 0);
    assert_int_equal(parse(PROBE_PROGRAMS, LINK), 0);
    assert_int_equal(parse(PROBE_FILES, PRIVILEGED), 0);
}

/* --- In the dossier --------------------------------------------------------------------------- */

typedef struct Helper {
    int error;
    ProbeKind kind;
    const char *answer;
    int fd;
    pthread_t thread;
} Helper;

static void *help(void *userdata)
{
    Helper *h = userdata;
    char byte;

    assert_int_equal(recv(h->fd, &byte, 1, 0), 0);
    (void)send(h->fd, h->answer, strlen(h->answer), MSG_NOSIGNAL);
    (void)close(h->fd);
    return NULL;
}

static int connect_helper(void *userdata, ProbeKind kind)
{
    Helper *h = userdata;
    int fds[2];

    if (kind != h->kind)
        return -ENOENT;
    if (h->error < 0)
        return h->error;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
    h->fd = fds[1];
    assert_int_equal(pthread_create(&h->thread, NULL, help, h), 0);
    return fds[0];
}

static json_object *collect(Helper *h)
{
    const CollectHost host = {.connect_probe = connect_helper, .userdata = h};
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);
    FixtureTree t;
    Collect c = {.writer = w, .host = &host, .deadline_usec = UINT64_MAX};

    tree_new(&t);
    c.root_fd = t.fd;
    json_begin_object(w, NULL);
    collect_integrity(&c);
    json_end_object(w);
    assert_int_equal(json_writer_finish(w), 0);
    if (h->error == 0)
        assert_int_equal(pthread_join(h->thread, NULL), 0);
    tree_done(&t);
    return memory_json(fd);
}

static void check(Helper *h, const char *code, const char *reason)
{
    static const char *const ids[] = {[PROBE_PROCESSES] = "changed-executables",
                                      [PROBE_PROGRAMS] = "bpf-programs",
                                      [PROBE_FILES] = "privileged-files"};
    _cleanup_json_ json_object *o = collect(h);
    json_object *fact = json_fact(o, ids[h->kind]);

    assert_string_equal(json_text_at(fact, "result-code"), code);
    if (reason)
        assert_non_null(strstr(json_text_at(fact, "reason"), reason));
    /* Each of the others says for itself that there is nobody to be asked. */
    for (size_t i = 0; i < ELEMENTSOF(ids); i++)
        if (i != (size_t)h->kind)
            assert_string_equal(json_text_at(json_fact(o, ids[i]), "result-code"), "Not available");
}

static void test_facts_without_an_answer(void **state)
{
    check(&(Helper){.error = -ENOENT}, "Not available", "no chancery-probe");
    check(&(Helper){.error = -ECONNREFUSED}, "Failed", "Connection refused");
    check(&(Helper){.answer = ""}, "Failed", "Bad message");
    check(&(Helper){.answer = PROCESS "\n"}, "Failed", "Bad message");
    check(&(Helper){.answer = PROGRAM "\n" END "\n"}, "Failed", "Bad message");
    check(&(Helper){.kind = PROBE_PROGRAMS,
                    .answer = "{\"end\":true,\"unreadable\":0,\"error\":1,\"reason\":\"no\"}\n"},
          "Not available", "no");
    check(&(Helper){.kind = PROBE_PROGRAMS,
                    .answer = "{\"end\":true,\"unreadable\":0,\"error\":5,\"reason\":\"no\"}\n"},
          "Failed", "no");
    check(&(Helper){.answer = PROCESS "\n{\"end\":true,\"unreadable\":2}\n"}, "Partial",
          "2 could not");
}

static void test_facts(void **state)
{
    Helper h = {.kind = PROBE_PROGRAMS, .answer = PROGRAM "\n" LINK "\n" END "\n"};
    json_object *o = collect(&h), *fact = json_fact(o, "bpf-programs");

    assert_string_equal(json_text_at(fact, "result-code"), "Success");
    assert_string_equal(json_text_at(fact, "value/programs/0/tag"), "0011223344556677");
    assert_string_equal(json_text_at(fact, "value/links/0/type"), "xdp");
    json_object_put(o);
    h = (Helper){.kind = PROBE_PROCESSES, .answer = PROCESS "\n" END "\n"};
    o = collect(&h);
    fact = json_fact(o, "changed-executables");
    assert_string_equal(json_text_at(fact, "value/0/files/0/change-kind"), "deleted");
    json_object_put(o);
    h = (Helper){.kind = PROBE_FILES, .answer = PRIVILEGED "\n" PRIVILEGED "\n" END "\n"};
    o = collect(&h);
    fact = json_fact(o, "privileged-files");
    assert_string_equal(json_text_at(fact, "value/1/capabilities/permitted/0"), "cap_net_raw");
    json_object_put(o);
}

/* --- What is found ---------------------------------------------------------------------------- */

/* Every line of an answer, the last one too, is one that the client takes. */
static json_object *lines(int fd, ProbeKind kind)
{
    json_object *list = json_object_new_array();
    FILE *f = fdopen(dup(fd), "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    assert_non_null(f);
    rewind(f);
    while ((n = getline(&line, &room, f)) > 0) {
        json_object *o;

        if (probe_parse(kind, line, (size_t)n, &o) < 0)
            fail_msg("refused: %s", line);
        json_object_array_add(list, o);
    }
    free(line);
    (void)fclose(f);
    return list;
}

static json_object *with(json_object *list, const char *name, const char *value)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *o = json_object_array_get_idx(list, i), *member;

        if (json_object_object_get_ex(o, name, &member) &&
            streq(json_object_get_string(member), value))
            return o;
    }
    return NULL;
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    char buffer[65536];
    size_t n;

    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(buffer, 1, sizeof buffer, in)) > 0)
        assert_int_equal(fwrite(buffer, 1, n, out), n);
    (void)fclose(in);
    (void)fclose(out);
    assert_return_code(chmod(to, 0755), errno);
}

/* The program has begun when its pipe ends: it was the last one that had it. */
static pid_t start(const char *path)
{
    int fds[2];
    pid_t pid;
    char byte;

    assert_return_code(pipe2(fds, O_CLOEXEC), errno);
    pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        (void)execl(path, "sleep", "1000", NULL);
        _exit(1);
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 0);
    (void)close(fds[0]);
    return pid;
}

static json_object *look_at_processes(void)
{
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    _cleanup_close_ int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char reason[PROBE_REASON_SIZE];
    Answer a = {.fd = fd};

    assert_int_equal(probe_processes(proc_fd, &a, reason), 0);
    assert_int_equal(answer_finish(&a, 0, NULL), 0);
    return lines(fd, PROBE_PROCESSES);
}

static void test_processes(void **state)
{
    char folder[] = "/tmp/test-probe-XXXXXX", path[64], other[64], number[16];
    json_object *list, *found;
    pid_t pid;

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/sleep (deleted)", folder);
    (void)snprintf(other, sizeof other, "%s/other", folder);
    copy_file("/bin/sleep", path);
    copy_file("/bin/sleep", other);
    pid = start(path);
    (void)snprintf(number, sizeof number, "%d", pid);
    list = look_at_processes();
    assert_null(with(list, "pid", number)); /* whatever its name says */
    json_object_put(list);
    assert_return_code(rename(other, path), errno);
    list = look_at_processes();
    found = with(list, "pid", number);
    assert_non_null(found);
    assert_string_equal(json_text_at(found, "files/0/change-kind"), "replaced");
    assert_string_equal(json_text_at(found, "files/0/name"), path);
    assert_string_equal(json_text_at(found, "files/0/use"), "executable");
    json_object_put(list);
    assert_return_code(unlink(path), errno);
    list = look_at_processes();
    found = with(list, "pid", number);
    assert_non_null(found);
    assert_string_equal(json_text_at(found, "files/0/change-kind"), "deleted");
    json_object_put(list);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)rmdir(folder);
}

/* One process, of which the folder has what the kernel would say of it. */
static json_object *look_at(const FixtureTree *t, const char *maps)
{
    static const char start[] = "4 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 999999999999 0 0";
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    _cleanup_close_ int proc_fd = openat(t->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char reason[PROBE_REASON_SIZE];
    Answer a = {.fd = fd};

    tree_file(t, "4/stat", start);
    tree_file(t, "4/maps", maps);
    assert_int_equal(probe_processes(proc_fd, &a, reason), 0);
    assert_int_equal(answer_finish(&a, 0, NULL), 0);
    return lines(fd, PROBE_PROCESSES);
}

/* An inode's number is one of many file systems: neither the executable's nor that of a file that
 * was found hides another one. */
static void test_mappings(void **state)
{
    struct stat run, library;
    char maps[4096], path[256];
    json_object *list;
    FixtureTree t;

    tree_new(&t);
    tree_file(&t, "bin/run\n1", "x");
    tree_file(&t, "lib/a\nb", "x");
    (void)snprintf(path, sizeof path, "%s/bin/run\n1", t.path);
    assert_return_code(mkdirat(t.fd, "4", 0755), errno);
    assert_return_code(symlinkat("/", t.fd, "4/root"), errno);
    assert_return_code(symlinkat(path, t.fd, "4/exe"), errno);
    assert_return_code(fstatat(t.fd, "bin/run\n1", &run, 0), errno);
    assert_return_code(fstatat(t.fd, "lib/a\nb", &library, 0), errno);
    (void)snprintf(maps, sizeof maps,
                   "1-2 r-xp 0 08:01 %llu   %s/bin/run\\0121\n"
                   "2-3 r-xp 0 08:01 %llu   %s/lib/a\\012b\n",
                   (unsigned long long)run.st_ino, t.path, (unsigned long long)library.st_ino,
                   t.path);
    list = look_at(&t, maps);
    assert_int_equal(json_object_array_length(list), 1);
    assert_non_null(with(list, "unreadable", "0"));
    json_object_put(list);
    (void)snprintf(maps, sizeof maps,
                   "1-2 r-xp 0 08:01 %llu   /no/such\n2-3 r-xp 0 08:01 7   /no/one\n"
                   "3-4 r-xp 0 08:01 7   /no/one\n4-5 r-xp 0 00:21 7   /no/other\n"
                   "5-6 rw-p 0 00:21 8   /no/code\n",
                   (unsigned long long)run.st_ino);
    list = look_at(&t, maps);
    assert_int_equal(json_object_array_length(json_at(list, "0/files")), 3);
    assert_string_equal(json_text_at(list, "0/files/0/name"), "/no/such");
    assert_string_equal(json_text_at(list, "0/files/1/name"), "/no/one");
    assert_string_equal(json_text_at(list, "0/files/2/name"), "/no/other");
    json_object_put(list);
    tree_done(&t);
}

static void test_privileged(void **state)
{
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC),
                        here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char reason[PROBE_REASON_SIZE];
    Answer a = {.fd = fd};
    json_object *list;
    FixtureTree t;

    tree_new(&t);
    tree_file(&t, "a/plain", "x");
    tree_file(&t, "a/setuid", "x");
    tree_file(&t, "a/b\n/setgid", "x");
    assert_return_code(fchmodat(t.fd, "a/setuid", 04755, 0), errno);
    assert_return_code(fchmodat(t.fd, "a/b\n/setgid", 02711, 0), errno);
    assert_return_code(symlinkat("setuid", t.fd, "a/link"), errno);
    assert_return_code(symlinkat(".", t.fd, "a/loop"), errno);
    assert_return_code(mkfifoat(t.fd, "a/fifo", 04755), errno);
    assert_int_equal(probe_privileged(t.fd, NULL, &a, reason), 0);
    assert_return_code(fchdir(here), errno);
    assert_int_equal(answer_finish(&a, 0, NULL), 0);
    list = lines(fd, PROBE_FILES);
    assert_int_equal(json_object_array_length(list), 3);
    assert_non_null(with(list, "name", "/a/setuid"));
    assert_int_equal(
        json_object_get_int(json_at(with(list, "name-base64", "L2EvYgovc2V0Z2lk"), "mode")),
        S_IFREG | 02711);
    assert_non_null(with(list, "unreadable", "0"));
    json_object_put(list);
    tree_done(&t);
}

/* A folder below /dev that is another mount; 0 when this system has none. */
static uint64_t other_mount(const char *const names[], const char **ret_name)
{
    struct statx own, other;

    assert_return_code(statx(AT_FDCWD, "/dev", 0, STATX_MNT_ID, &own), errno);
    for (; *names; names++)
        if (statx(AT_FDCWD, *names, 0, STATX_MNT_ID, &other) == 0 &&
            other.stx_mnt_id != own.stx_mnt_id) {
            *ret_name = *names + STRLEN("/dev");
            return other.stx_mnt_id;
        }
    return 0;
}

/* How the mount point is told when it is of this type; NULL when it is not. */
static json_object *told(uint64_t id, const char *name, const char *type, json_object **ret_list)
{
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC),
                        here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC),
                        dev = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(mounts_freep) Mounts *mounts = NULL;
    _cleanup_fclose_ FILE *f = NULL;
    char text[128], reason[PROBE_REASON_SIZE];
    Answer a = {.fd = fd};

    (void)snprintf(text, sizeof text, "%llu 1 0:99 / %s rw - %s x rw\n", (unsigned long long)id,
                   name, type);
    f = fmemopen(text, strlen(text), "r");
    assert_return_code(mounts_new(f, true, &mounts), 0);
    assert_int_equal(probe_privileged(dev, mounts, &a, reason), 0);
    assert_return_code(fchdir(here), errno);
    assert_int_equal(answer_finish(&a, 0, NULL), 0);
    *ret_list = lines(fd, PROBE_FILES);
    return with(*ret_list, "name", name);
}

static void test_mounts_that_are_not_entered(void **state)
{
    static const char *const names[] = {"/dev/pts", "/dev/shm", "/dev/mqueue", NULL};
    const char *name = NULL;
    uint64_t id = other_mount(names, &name);
    json_object *list, *found;

    if (id == 0)
        skip();
    found = told(id, name, "nfs4", &list);
    assert_string_equal(json_text_at(found, "not-entered"), "mount-point");
    json_object_put(list);
    assert_null(told(id, name, "proc", &list));
    json_object_put(list);
    assert_null(told(id, name, "ext4", &list));
    json_object_put(list);
}

/* Where the kernel lets this process load a program, that one is found; elsewhere it says why not.
 */
static void test_programs(void **state)
{
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
    char reason[PROBE_REASON_SIZE] = "";
    Answer a = {.fd = fd};
    union bpf_attr attr;
    json_object *list;
    long program;
    int r;

    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attr.insns = (uintptr_t)code;
    attr.insn_cnt = ELEMENTSOF(code);
    attr.license = (uintptr_t) "GPL";
    memcpy(attr.prog_name, "chancery_test", sizeof "chancery_test");
    program = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
    r = probe_programs(&a, reason);
    assert_int_equal(answer_finish(&a, r, reason), 0);
    list = lines(fd, PROBE_PROGRAMS);
    if (program >= 0 && r >= 0) {
        json_object *found = with(list, "program-name", "chancery_test");

        assert_non_null(found);
        assert_string_equal(json_text_at(found, "type"), "socket_filter");
        assert_int_equal(strlen(json_text_at(found, "tag")), 16);
    } else if (r < 0)
        assert_true(reason[0] != 0);
    json_object_put(list);
    if (program >= 0)
        (void)close((int)program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_lines),
        cmocka_unit_test(test_file_capabilities),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_facts_without_an_answer),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_privileged),
        cmocka_unit_test(test_mounts_that_are_not_entered),
        cmocka_unit_test(test_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
