/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: opens a signing channel of keyd and does what the lines on standard input say, one
 * answer on a line for each. channel-client ALGORITHM LABEL PURPOSE sign: has a request of this key
 * signed, and checks the signature; junk: the same with bytes that are no request; other: with
 * another key's request; file: sign, in a sealed memory file; frame: sends a packet that is no
 * request; wait: waits for the end; open: opens one more channel, which stays open. Answers: ok,
 * the text of a refusal after "refused", or "ended". A channel that is not given is one line: error
 * name and message. */
#include <fcntl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "keyd-channel.h"
#include "memfd.h"
#include "names.h"
#include "openssl-util.h"

typedef struct Client {
    int fd;
    EVP_PKEY *key;
    bool is_ed25519;
    uint8_t *request;
    size_t size;
    uint32_t next_id;
} Client;

static int send_packet(Client *c, unsigned type, const void *data, size_t size, int file)
{
    uint8_t header[CHANNEL_HEADER_SIZE];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec parts[] = {{header, sizeof header}, {(void *)(uintptr_t)data, size}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};

    channel_header(header, type, c->is_ed25519 ? 0 : 1, ++c->next_id);
    if (file >= 0) {
        m.msg_control = &control;
        m.msg_controllen = sizeof control;
        *CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &file, sizeof file);
    }
    return sendmsg(c->fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static const char *verify(const Client *c, const uint8_t *signature, size_t size)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context &&
        EVP_DigestVerifyInit(context, NULL, c->is_ed25519 ? NULL : EVP_sha256(), NULL, c->key) ==
            1 &&
        EVP_DigestVerify(context, signature, size, c->request, c->size) == 1)
        return "ok";
    return "wrong signature";
}

static void print_answer(Client *c)
{
    uint8_t answer[CHANNEL_HEADER_SIZE + CHANNEL_SIGNATURE_MAX];
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    ssize_t n = poll(&p, 1, 60000) == 1 ? recv(c->fd, answer, sizeof answer, 0) : -1;
    int size = (int)n - (int)CHANNEL_HEADER_SIZE;

    if (n <= 0)
        puts(p.revents ? "ended" : "nothing");
    else if (size <= 0 || channel_id(answer) != c->next_id)
        puts("not an answer");
    else if (answer[0] == CHANNEL_SIGNATURE)
        puts(verify(c, answer + CHANNEL_HEADER_SIZE, (size_t)size));
    else
        printf("refused %u %.*s\n", answer[1], size, (char *)answer + CHANNEL_HEADER_SIZE);
    (void)fflush(stdout);
}

static int make_request(EVP_PKEY *key, uint8_t **ret, size_t *ret_size)
{
    _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new();
    int size;

    *ret = NULL;
    if (!request || X509_REQ_set_version(request, 0) != 1 || X509_REQ_set_pubkey(request, key) != 1)
        return -ENOMEM;
    size = i2d_re_X509_REQ_tbs(request, ret);
    *ret_size = size > 0 ? (size_t)size : 0;
    return size > 0 ? 0 : -EIO;
}

static int send_other(Client *c)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    _cleanup_openssl_free_ uint8_t *request = NULL;
    size_t size;

    return other && make_request(other, &request, &size) >= 0
               ? send_packet(c, CHANNEL_SIGN, request, size, -1)
               : -ENOMEM;
}

static int send_file(Client *c)
{
    _cleanup_close_ int file = memfd_new_sealed("request", c->request, c->size);

    return file < 0 ? file : send_packet(c, CHANNEL_SIGN_FILE, NULL, 0, file);
}

static int obey(Client *c, const char *line)
{
    if (streq(line, "sign"))
        return send_packet(c, CHANNEL_SIGN, c->request, c->size, -1);
    if (streq(line, "junk"))
        return send_packet(c, CHANNEL_SIGN, "{}", 2, -1);
    if (streq(line, "other"))
        return send_other(c);
    if (streq(line, "file"))
        return send_file(c);
    if (streq(line, "frame"))
        return send_packet(c, 77, "{}", 2, -1);
    return streq(line, "wait") ? 0 : -EINVAL;
}

static int open_channel(sd_bus *bus, char *words[], sd_bus_error *error, int *ret_fd)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *opened = NULL;
    int fd, r;

    r = sd_bus_call_method(bus, KEYS_NAME, KEYS_PATH, KEYS_SIGNING_INTERFACE, "OpenChannel", error,
                           &opened, "sssa{sv}", words[1], words[2], words[3], 0);
    if (r >= 0)
        r = sd_bus_message_read(opened, "h", &fd);
    if (r < 0)
        return r;
    *ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return *ret_fd < 0 ? -errno : 0;
}

static int fail_bus(const sd_bus_error *error)
{
    printf("%s %s\n", error->name ? error->name : "?", error->message ? error->message : "");
    (void)fflush(stdout);
    return EXIT_FAILURE;
}

static void open_another(sd_bus *bus, char *words[])
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int fd;

    if (open_channel(bus, words, &error, &fd) < 0) {
        (void)fail_bus(&error);
        return;
    }
    puts("open"); /* the descriptor stays, until this program ends */
    (void)fflush(stdout);
}

int main(int argc, char *argv[])
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *found = NULL;
    const uint8_t *der;
    char line[64];
    Client c = {0};
    size_t size;

    if (argc != 4 || sd_bus_open_system(&bus) < 0)
        return EXIT_FAILURE;
    if (open_channel(bus, argv, &error, &c.fd) < 0 ||
        sd_bus_call_method(bus, KEYS_NAME, KEYS_PATH, KEYS_SIGNING_INTERFACE, "GetPublicKey",
                           &error, &found, "ss", argv[1], argv[2]) < 0 ||
        sd_bus_message_read_array(found, 'y', (const void **)&der, &size) < 0)
        return fail_bus(&error);
    c.key = d2i_PUBKEY(NULL, &der, (long)size);
    c.is_ed25519 = streq(argv[1], "ed25519");
    if (!c.key || make_request(c.key, &c.request, &c.size) < 0)
        return EXIT_FAILURE;
    puts("open");
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (streq(line, "open"))
            open_another(bus, argv);
        else if (obey(&c, line) < 0) {
            puts("ended");
            (void)fflush(stdout);
        } else
            print_answer(&c);
    }
    return EXIT_SUCCESS;
}
