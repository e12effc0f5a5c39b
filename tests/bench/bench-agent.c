/* SPDX-License-Identifier: Apache-2.0 */
/* ssh-agent, by its protocol (draft-miller-ssh-agent): one connection for each client. */
#include <sys/socket.h>
#include <sys/un.h>

#include "atomic-file.h"
#include "bench-sign.h"

#define SIGN_REQUEST 13
#define SIGN_RESPONSE 14
#define RSA_SHA2_256 2

typedef struct State {
    int fd;
    uint8_t request[8192];
    size_t size;
} State;

static void prepare(BenchTask *task)
{
    EVP_PKEY *key = bench_generate(task->algorithm);

    bench_make_request(key, &task->input);
    EVP_PKEY_free(key);
}

static void append_number(State *s, size_t n)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        s->request[s->size++] = (uint8_t)(n >> shift);
}

static void append_string(State *s, const void *data, size_t size)
{
    append_number(s, size);
    memcpy(s->request + s->size, data, size);
    s->size += size;
}

static size_t read_blob(const char *path, uint8_t *blob, size_t room)
{
    FILE *f = fopen(path, "re");
    size_t size = f ? fread(blob, 1, room, f) : 0;

    if (size == 0 || size == room)
        bench_fail("no public key");
    fclose(f);
    return size;
}

static void *state_new(const BenchTask *task)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    State *s = calloc(1, sizeof *s);
    uint8_t blob[2048];
    size_t blob_size = read_blob(task->arguments[1], blob, sizeof blob), total;

    s->size = 4;
    s->request[s->size++] = SIGN_REQUEST;
    append_string(s, blob, blob_size);
    append_string(s, task->input.data, task->input.size);
    append_number(s, strncmp(task->algorithm, "rsa", 3) == 0 ? RSA_SHA2_256 : 0);
    total = s->size;
    s->size = 0;
    append_number(s, total - 4);
    s->size = total;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", task->arguments[0]);
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&address, sizeof address) < 0)
        bench_fail("no agent");
    return s;
}

static unsigned long state_sign(void *data)
{
    State *s = data;
    uint8_t answer[4096];
    size_t size;

    if (write_full(s->fd, s->request, s->size) < 0 || read_full(s->fd, answer, 4) != 4)
        bench_fail("the agent is gone");
    size = (size_t)answer[2] << 8 | answer[3];
    if (size > sizeof answer || read_full(s->fd, answer, size) != (ssize_t)size ||
        answer[0] != SIGN_RESPONSE)
        bench_fail("the agent refuses");
    return 1;
}

const BenchSigner bench_agent = {"agent", 2, prepare, state_new, state_sign, NULL};
