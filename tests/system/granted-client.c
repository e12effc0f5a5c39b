/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a user's program that has a key of keyd sign for TLS, as the configuration grants it.
 * Does what the lines on standard input say, one answer on a line for each: granted-client
 * ALGORITHM LABEL PURPOSE list: the keys that it may use; sign: one signature by the bus; open: a
 * channel; server, client, junk: over the channel, the CertificateVerify of TLS 1.3 for either
 * role, or bytes that are nothing; wait: waits for the channel to end. */
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

#define GRANTED KEYS_NAME ".Granted"

static const char *algorithm, *label, *purpose;
static EVP_PKEY *key;
static int channel = -1;

static size_t certificate_verify(uint8_t out[256], const char *role)
{
    int n;

    memset(out, ' ', 64);
    n = snprintf((char *)out + 64, 128, "TLS 1.3, %s CertificateVerify", role);
    memset(out + 64 + n + 1, 7, 32);
    return 64U + (size_t)n + 1 + 32;
}

static void verify(const uint8_t *signature, size_t size, const uint8_t *data, size_t data_size)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();

    puts(key &&
                 EVP_DigestVerifyInit(context, NULL,
                                      streq(algorithm, "ed25519") ? NULL : EVP_sha256(), NULL,
                                      key) == 1 &&
                 EVP_DigestVerify(context, signature, size, data, data_size) == 1
             ? "ok"
             : "wrong signature");
}

static void say_error(const sd_bus_error *error, int r)
{
    printf("%s %s\n", error->name ? error->name : "?",
           error->message ? error->message : strerror(-r));
}

static void do_list(sd_bus *bus)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *a, *l, *p;
    const uint8_t *der;
    size_t size;
    int r = sd_bus_call_method(bus, KEYS_NAME, KEYS_PATH, GRANTED, "List", &error, &reply, NULL);

    if (r < 0) {
        say_error(&error, r);
        return;
    }
    r = sd_bus_message_enter_container(reply, 'a', "(sssay)");
    while (r >= 0 && sd_bus_message_enter_container(reply, 'r', "sssay") > 0) {
        if (sd_bus_message_read(reply, "sss", &a, &l, &p) < 0 ||
            sd_bus_message_read_array(reply, 'y', (const void **)&der, &size) < 0)
            break;
        printf("%s/%s/%s ", a, l, p);
        if (streq(a, algorithm) && streq(l, label) && !key)
            key = d2i_PUBKEY(NULL, &der, (long)size);
        r = sd_bus_message_exit_container(reply);
    }
    puts("");
}

static void do_sign(sd_bus *bus)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_close_ int file = -EBADF;
    const void *signature;
    uint8_t data[256];
    size_t size = certificate_verify(data, "server"), n;
    int r;

    file = memfd_new_sealed("tls", data, size);
    r = sd_bus_call_method(bus, KEYS_NAME, KEYS_PATH, GRANTED, "Sign", &error, &reply, "ssssh",
                           algorithm, label, purpose, streq(algorithm, "ed25519") ? "" : "sha256",
                           file);
    if (r < 0 || sd_bus_message_read_array(reply, 'y', &signature, &n) < 0)
        say_error(&error, r);
    else
        verify(signature, n, data, size);
}

static void do_open(sd_bus *bus)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int fd, r = sd_bus_call_method(bus, KEYS_NAME, KEYS_PATH, GRANTED, "OpenChannel", &error,
                                   &reply, "sss", algorithm, label, purpose);

    if (r < 0 || sd_bus_message_read(reply, "h", &fd) < 0) {
        say_error(&error, r);
        return;
    }
    channel = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    puts("open");
}

static void do_channel(const char *what)
{
    uint8_t data[CHANNEL_HEADER_SIZE + 256], answer[CHANNEL_HEADER_SIZE + CHANNEL_SIGNATURE_MAX];
    size_t size = streq(what, "junk") ? 100 : certificate_verify(data + CHANNEL_HEADER_SIZE, what);
    struct pollfd p = {.fd = channel, .events = POLLIN};
    ssize_t n;

    if (streq(what, "junk"))
        memset(data + CHANNEL_HEADER_SIZE, 'j', size);
    channel_header(data, CHANNEL_SIGN, streq(algorithm, "ed25519") ? 0 : 1, 1);
    if (!streq(what, "wait"))
        (void)!send(channel, data, CHANNEL_HEADER_SIZE + size, MSG_NOSIGNAL);
    n = poll(&p, 1, 60000) == 1 ? recv(channel, answer, sizeof answer, 0) : -1;
    if (n <= (ssize_t)CHANNEL_HEADER_SIZE)
        puts(p.revents ? "ended" : "nothing");
    else if (answer[0] == CHANNEL_SIGNATURE)
        verify(answer + CHANNEL_HEADER_SIZE, (size_t)n - CHANNEL_HEADER_SIZE,
               data + CHANNEL_HEADER_SIZE, size);
    else
        printf("refused %.*s\n", (int)n - (int)CHANNEL_HEADER_SIZE,
               (char *)answer + CHANNEL_HEADER_SIZE);
}

int main(int argc, char *argv[])
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    char line[64];

    if (argc != 4 || sd_bus_open_system(&bus) < 0)
        return EXIT_FAILURE;
    algorithm = argv[1];
    label = argv[2];
    purpose = argv[3];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (streq(line, "list"))
            do_list(bus);
        else if (streq(line, "sign"))
            do_sign(bus);
        else if (streq(line, "open"))
            do_open(bus);
        else
            do_channel(line);
        (void)fflush(stdout);
    }
    EVP_PKEY_free(key);
    return EXIT_SUCCESS;
}
