/* SPDX-License-Identifier: Apache-2.0 */
/* An SSH agent whose keys are in keyd: those that the configuration grants to the user for ssh, and
 * his own of "crypto key generate authentication-ssh rsa". It holds nothing itself; keyd reads what
 * it signs, and signs requests to log in and nothing else. */
#include <errno.h>
#include <getopt.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "agent-message.h"
#include "cleanup.h"
#include "memfd.h"
#include "names.h"
#include "openssl-util.h"
#include "ssh-wire.h"

#define CLIENTS_MAX 64U
#define IDENTITIES_MAX 64U

typedef struct Client {
    sd_event_source *source;
    int fd;
    size_t size;
    uint8_t buffer[4 + AGENT_MESSAGE_MAX];
} Client;

static unsigned n_clients;

/* --- Keys ------------------------------------------------------------------------------------- */

typedef struct Identity {
    const char *algorithm, *label;
    EVP_PKEY *key;
    uint8_t blob[SSH_BLOB_MAX];
    size_t blob_size;
} Identity;

/* What the caller may use for ssh. Strings are the message's. */
typedef struct Identities {
    sd_bus *bus;
    sd_bus_message *message;
    Identity *list;
    size_t n;
} Identities;

static void identities_done(Identities *i)
{
    for (size_t k = 0; k < i->n; k++)
        EVP_PKEY_free(i->list[k].key);
    free(i->list);
    sd_bus_message_unref(i->message);
    sd_bus_flush_close_unref(i->bus);
}

static int identity_read(Identities *i)
{
    const char *algorithm, *label, *purpose;
    const unsigned char *der;
    Identity *one = &i->list[i->n];
    size_t size;
    int r;

    r = sd_bus_message_read(i->message, "sss", &algorithm, &label, &purpose);
    if (r >= 0)
        r = sd_bus_message_read_array(i->message, 'y', (const void **)&der, &size);
    if (r < 0)
        return r;
    if (!streq(purpose, "ssh") || i->n >= IDENTITIES_MAX)
        return 0;
    one->algorithm = algorithm;
    one->label = label;
    one->key = d2i_PUBKEY(NULL, &der, (long)size);
    if (!one->key || ssh_public_blob(one->key, one->blob, &one->blob_size) < 0) {
        EVP_PKEY_free(one->key);
        return 0;
    }
    i->n++;
    return 0;
}

static int identities_get(Identities *i)
{
    int r;

    i->list = calloc(IDENTITIES_MAX + 1, sizeof *i->list);
    if (!i->list)
        return -ENOMEM;
    r = sd_bus_open_system(&i->bus);
    if (r >= 0)
        r = sd_bus_call_method(i->bus, KEYS_NAME, KEYS_PATH, KEYS_GRANTED_INTERFACE, "List", NULL,
                               &i->message, NULL);
    if (r >= 0)
        r = sd_bus_message_enter_container(i->message, 'a', "(sssay)");
    while (r >= 0 && (r = sd_bus_message_enter_container(i->message, 'r', "sssay")) > 0) {
        r = identity_read(i);
        if (r >= 0)
            r = sd_bus_message_exit_container(i->message);
    }
    return r;
}

static const Identity *identity_find(const Identities *i, DerSpan blob)
{
    for (size_t k = 0; k < i->n; k++)
        if (der_equal(blob, i->list[k].blob, i->list[k].blob_size))
            return &i->list[k];
    return NULL;
}

/* --- Answers ---------------------------------------------------------------------------------- */

static int answer_identities(uint8_t **ret, size_t *ret_size)
{
    _cleanup_(identities_done) Identities i = {0};
    uint8_t *answer, *p;
    size_t size = 5;
    char comment[512];

    if (identities_get(&i) < 0)
        i.n = 0;
    answer = malloc(4 + size + i.n * (8 + SSH_BLOB_MAX + sizeof comment));
    if (!answer)
        return -ENOMEM;
    p = answer + 4;
    *p++ = AGENT_IDENTITIES_ANSWER;
    p = mempcpy(p, (const uint8_t[]){0, 0, 0, (uint8_t)i.n}, 4);
    for (size_t k = 0; k < i.n; k++) {
        (void)snprintf(comment, sizeof comment, "%s %s", i.list[k].algorithm, i.list[k].label);
        p = ssh_put_string(p, i.list[k].blob, i.list[k].blob_size);
        p = ssh_put_string(p, comment, strlen(comment));
    }
    size = (size_t)(p - answer) - 4;
    for (unsigned k = 0; k < 4; k++)
        answer[k] = (uint8_t)(size >> (24 - 8 * k));
    *ret = answer;
    *ret_size = 4 + size;
    return 0;
}

static int answer_signature(const AgentRequest *request, uint8_t **ret, size_t *ret_size)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_(identities_done) Identities i = {0};
    _cleanup_close_ int file = -EBADF;
    const void *signature;
    const Identity *one;
    const char *digest;
    size_t size;
    int r;

    r = identities_get(&i);
    if (r < 0)
        return r;
    one = identity_find(&i, request->key);
    digest = one ? agent_digest(one->key, request->flags) : NULL;
    if (!digest)
        return -ENOENT;
    file = memfd_new_sealed("ssh", request->data.data, request->data.size);
    if (file < 0)
        return file;
    r = sd_bus_call_method(i.bus, KEYS_NAME, KEYS_PATH, KEYS_GRANTED_INTERFACE, "Sign", &error,
                           &reply, "ssssh", one->algorithm, one->label, "ssh", digest, file);
    if (r < 0) {
        (void)fprintf(stderr, "chancery-ssh-agent: %s\n",
                      error.message ? error.message : strerror(-r));
        return r;
    }
    r = sd_bus_message_read_array(reply, 'y', &signature, &size);
    if (r < 0)
        return r;
    return agent_sign_response(one->key, digest, (DerSpan){signature, size}, ret, ret_size);
}

static int answer(DerSpan message, uint8_t **ret, size_t *ret_size)
{
    static const uint8_t failure[] = {0, 0, 0, 1, AGENT_FAILURE};
    AgentRequest request;
    int r = agent_request_parse(message, &request);

    if (r < 0)
        return r;
    if (request.type == AGENT_REQUEST_IDENTITIES)
        return answer_identities(ret, ret_size);
    if (request.type == AGENT_SIGN_REQUEST && answer_signature(&request, ret, ret_size) >= 0)
        return 0;
    *ret = malloc(sizeof failure);
    if (!*ret)
        return -ENOMEM;
    memcpy(*ret, failure, sizeof failure);
    *ret_size = sizeof failure;
    return 0;
}

/* --- Clients ---------------------------------------------------------------------------------- */

static void client_free(Client *c)
{
    sd_event_source_disable_unref(c->source);
    closep(&c->fd);
    free(c);
    n_clients--;
}

/* All of a message that is there; 0 when it is not yet. A client that does not read its answer is
 * not waited for. */
static int client_serve(Client *c)
{
    _cleanup_free_ uint8_t *text = NULL;
    size_t size, answer_size;
    int r;

    if (c->size < 4)
        return 0;
    size = (size_t)c->buffer[0] << 24 | (size_t)c->buffer[1] << 16 | (size_t)c->buffer[2] << 8 |
           c->buffer[3];
    if (size > AGENT_MESSAGE_MAX)
        return -EBADMSG;
    if (c->size < 4 + size)
        return 0;
    r = answer((DerSpan){c->buffer + 4, size}, &text, &answer_size);
    if (r < 0)
        return r;
    if (send(c->fd, text, answer_size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)answer_size)
        return -ECONNRESET;
    c->size -= 4 + size;
    memmove(c->buffer, c->buffer + 4 + size, c->size);
    return 1;
}

static int on_client(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
    Client *c = userdata;
    ssize_t n = recv(fd, c->buffer + c->size, sizeof c->buffer - c->size, MSG_DONTWAIT);
    int r = 1;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n > 0) {
        c->size += (size_t)n;
        while (r > 0)
            r = client_serve(c);
    }
    if (n <= 0 || r < 0)
        client_free(c);
    return 0;
}

/* Only for who started it, and root, whatever the socket's mode is. */
static bool is_welcome(int fd)
{
    struct ucred who;
    socklen_t size = sizeof who;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
           (who.uid == geteuid() || who.uid == 0);
}

static int on_connection(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
    _cleanup_close_ int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    Client *c;

    if (connection < 0 || n_clients >= CLIENTS_MAX || !is_welcome(connection))
        return 0;
    c = calloc(1, sizeof *c);
    if (!c)
        return 0;
    c->fd = TAKE_FD(connection);
    n_clients++;
    if (sd_event_add_io(sd_event_source_get_event(s), &c->source, c->fd, EPOLLIN, on_client, c) < 0)
        client_free(c);
    return 0;
}

/* --- Start ------------------------------------------------------------------------------------ */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = -EBADF;
    mode_t mask;
    int r;

    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    mask = umask(0177);
    r = bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
    (void)umask(mask);
    if (r >= 0 && listen(fd, 64) < 0)
        r = -errno;
    return r < 0 ? r : TAKE_FD(fd);
}

static int on_child(sd_event_source *s, const siginfo_t *info, void *userdata)
{
    return sd_event_exit(sd_event_source_get_event(s),
                         info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status);
}

static int start_command(sd_event *event, char *argv[], const char *path)
{
    sigset_t none;
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid > 0)
        return sd_event_add_child(event, NULL, pid, WEXITED, on_child, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (setenv("SSH_AUTH_SOCK", path, 1) == 0)
        (void)execvp(argv[0], argv);
    (void)fprintf(stderr, "chancery-ssh-agent: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int run(int fd, char *command[], const char *path)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    sigset_t ended;
    int r;

    (void)sigemptyset(&ended);
    (void)sigaddset(&ended, SIGCHLD);
    (void)sigaddset(&ended, SIGTERM);
    (void)sigaddset(&ended, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ended, NULL);
    r = sd_event_default(&event);
    if (r >= 0 && !command)
        r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
    if (r >= 0 && !command)
        r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_io(event, NULL, fd, EPOLLIN, on_connection, NULL);
    if (r >= 0 && command)
        r = start_command(event, command, path);
    return r < 0 ? r : sd_event_loop(event);
}

/* For a command: a socket in a folder of its own, which goes with the command. */
static int run_command(char *command[])
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char folder[108], path[128];
    int fd, r;

    (void)snprintf(folder, sizeof folder, "%.80s/chancery-ssh.XXXXXX", runtime ? runtime : "/tmp");
    if (!mkdtemp(folder))
        return -errno;
    (void)snprintf(path, sizeof path, "%s/agent", folder);
    fd = listen_at(path);
    r = fd < 0 ? fd : run(fd, command, path);
    closep(&fd);
    (void)unlink(path);
    (void)rmdir(folder);
    return r;
}

static int run_socket(const char *path)
{
    int fd, r;

    if (sd_listen_fds(1) == 1)
        return run(SD_LISTEN_FDS_START, NULL, NULL);
    if (!path)
        return -EDESTADDRREQ;
    fd = listen_at(path);
    r = fd < 0 ? fd : run(fd, NULL, path);
    closep(&fd);
    if (fd >= 0)
        (void)unlink(path);
    return r;
}

static void help(void)
{
    puts(
        "chancery-ssh-agent COMMAND [ARGUMENT...]\n"
        "chancery-ssh-agent -a SOCKET\n\n"
        "An SSH agent for the keys in Chancery's custody that you may use for ssh: those that the\n"
        "configuration grants you (crypto key grant), and your own (crypto key generate\n"
        "authentication-ssh rsa). With COMMAND it serves that command only, and ends with it.\n\n"
        "  -a SOCKET      listen there; ssh finds it by SSH_AUTH_SOCK\n"
        "  -h, --help     this help\n"
        "      --version  the version\n\n"
        "See chancery-ssh-agent(1).");
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
    const char *path = NULL;
    int c, r;

    while ((c = getopt_long(argc, argv, "+a:h", options, NULL)) >= 0)
        switch (c) {
        case 'a':
            path = optarg;
            break;
        case 'h':
            help();
            return EXIT_SUCCESS;
        case 'V':
            puts("chancery-ssh-agent " VERSION);
            return EXIT_SUCCESS;
        default:
            return EXIT_FAILURE;
        }
    r = argv[optind] && !path ? run_command(argv + optind) : run_socket(path);
    if (r < 0)
        (void)fprintf(stderr, "chancery-ssh-agent: %s\n",
                      r == -EDESTADDRREQ ? "say a command, or a socket with -a; see --help"
                                         : strerror(-r));
    return r < 0 ? EXIT_FAILURE : r;
}
