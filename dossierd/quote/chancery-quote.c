/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-quote: asks the TPM, for chancery-dossierd. A process for each question: at most 64
 * bytes, which go into the quote, and the end; the answer is one JSON object, and the end. The
 * device is open before its sandbox closes, and nothing else ever is. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "dispatcher.h"
#include "json-util.h"
#include "log.h"
#include "service-program.h"
#include "tpm.h"

#define DEVICE "/dev/tpmrm0"
#define REQUEST_TIMEOUT_MS 30000
#define WORKER_SECONDS 120U
#define WORKERS_MAX 8U

static const Sandbox sandbox = {.name = "quote", .files_max = 64};

static int connect_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >=
        sizeof address.sun_path)
        return -ENAMETOOLONG;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* The environment is the unit's, which only the administrator writes. */
static const char *tpm_path(void)
{
    const char *path = getenv("CHANCERY_TPM");

    return path && path[0] == '/' ? path : DEVICE;
}

static int tpm_open(const char *path)
{
    struct stat st;
    int fd;

    if (stat(path, &st) < 0)
        return -errno;
    if (S_ISSOCK(st.st_mode))
        return connect_socket(path);
    if (!S_ISCHR(st.st_mode))
        return -ENODEV;
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

static int read_request(int connection, uint8_t buffer[static TPM_QUALIFYING_MAX + 1],
                        size_t *ret_size)
{
    size_t size = 0;

    for (;;) {
        struct pollfd p = {.fd = connection, .events = POLLIN};
        int ready = poll(&p, 1, REQUEST_TIMEOUT_MS);
        ssize_t n;

        if (ready <= 0)
            return ready < 0 ? -errno : -ETIMEDOUT;
        n = read(connection, buffer + size, TPM_QUALIFYING_MAX + 1 - size);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        size += (size_t)n;
        if (size > TPM_QUALIFYING_MAX)
            return -EMSGSIZE;
    }
    *ret_size = size;
    return 0;
}

static void write_bank(JsonWriter *w, const TpmBank *bank)
{
    const char *name = tpm_algorithm_name(bank->algorithm);

    json_begin_object(w, NULL);
    if (name)
        json_write_string(w, "hash-algorithm", name);
    else
        json_write_stringf(w, "hash-algorithm", "0x%04x", (unsigned)bank->algorithm);
    json_begin_array(w, "pcr");
    for (unsigned i = 0; i < TPM_REGISTERS; i++) {
        if (bank->registers[i].size == 0)
            continue;
        json_begin_object(w, NULL);
        json_write_uint64(w, "index", i);
        json_write_hex(w, "value", bank->registers[i].data, bank->registers[i].size);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static int write_blob(JsonWriter *w, const char *name, const TpmBlob *blob)
{
    _cleanup_free_ char *text = base64_encode(blob->data, blob->size);

    if (!text)
        return -ENOMEM;
    json_write_string(w, name, text);
    return 0;
}

static int answer(int connection, const char *path, const TpmEvidence *e)
{
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(connection);
    const char *slash = strrchr(path, '/');
    int r = 0;

    if (!w)
        return -ENOMEM;
    json_begin_object(w, NULL);
    json_write_string(w, "tpm-name", slash + 1);
    json_begin_array(w, "banks");
    for (size_t i = 0; i < e->n_banks; i++)
        write_bank(w, &e->banks[i]);
    json_end_array(w);
    if (e->message.size > 0) {
        r = write_blob(w, "message", &e->message);
        if (r >= 0)
            r = write_blob(w, "signature", &e->signature);
        if (r >= 0)
            r = write_blob(w, "public-key", &e->public_key);
    } else if (e->quote_reason[0])
        json_write_string(w, "quote-reason", e->quote_reason);
    json_end_object(w);
    return r < 0 ? r : json_writer_finish(w);
}

static int refuse(int connection, int error, const char *format, ...) _printf_(3, 4);

static int refuse(int connection, int error, const char *format, ...)
{
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(connection);
    char reason[TPM_REASON_SIZE + 256];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(reason, sizeof reason, format, ap);
    va_end(ap);
    if (!w)
        return -ENOMEM;
    json_begin_object(w, NULL);
    json_write_uint64(w, "error", (uint64_t)-error);
    json_write_string(w, "reason", reason);
    json_end_object(w);
    return json_writer_finish(w);
}

static int serve(int connection, const char *path, int fd)
{
    uint8_t qualifying[TPM_QUALIFYING_MAX + 1];
    char reason[TPM_REASON_SIZE] = "";
    TpmEvidence evidence;
    size_t size = 0;
    int r;

    r = read_request(connection, qualifying, &size);
    if (r < 0)
        return log_error_errno(r, "Failed to read the request: %m");
    if (fd < 0)
        return refuse(connection, fd, "%s: %s", path, strerror(-fd));
    r = tpm_collect(fd, qualifying, size, &evidence, reason);
    return r < 0 ? refuse(connection, r, "%s: %s", path, reason)
                 : answer(connection, path, &evidence);
}

static int work(int connection, const SandboxFilter *filter, const void *userdata)
{
    const char *path = userdata;
    _cleanup_close_ int fd = tpm_open(path);
    int r = sandbox_enter_compiled(&sandbox, filter);

    return r < 0 ? log_error_errno(r, "Failed to enter the sandbox: %m")
                 : serve(connection, path, fd);
}

static int run(void)
{
    const char *path = tpm_path();
    const SandboxPath paths[] = {{"/dev", SANDBOX_READ_WRITE}, /* the device may come later */
                                 {path, SANDBOX_READ_WRITE},
                                 {NULL, SANDBOX_READ}};
    const Sandbox parent = {.name = "quote",
                            .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_DEVICES |
                                     SANDBOX_CALLS_UNIX_SOCKET,
                            .paths = paths,
                            .files_max = sandbox.files_max};
    const Worker worker = {.run = work,
                           .userdata = path,
                           .sandbox = &sandbox,
                           .seconds_max = WORKER_SECONDS,
                           .workers_max = WORKERS_MAX,
                           .idle_seconds = HELPER_IDLE_SECONDS};
    int listener = service_listener("quote");

    if (listener < 0)
        return listener;
    /* No file of theirs is read from here on; and what the TSS has to say is said in the answer. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    (void)setenv("TSS2_LOG", "all+none", 1);
    return dispatch(listener, &parent, &worker);
}

int main(int argc, char *argv[])
{
    int r =
        service_arguments("quote", NULL, "Asks the TPM once, for chancery-dossierd.", argc, argv);

    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    log_open("quote");
    return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
