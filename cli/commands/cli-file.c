/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration in files: load, copy running-config, commit save-running. Files are opened by the
 * shell, with the rights of its user and no others. */
#include "cli-file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "atomic-file.h"
#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-config.h"
#include "cli-history.h"
#include "cli-input.h"
#include "cli-read.h"
#include "cli-running.h"
#include "cli-transfer.h"
#include "clock.h"
#include "errors.h"
#include "memfd.h"
#include "names.h"

#define LOAD_SIZE_MAX (4U << 20)

static int check_path(Cli *cli, const char *path)
{
    return strstr(path, "://") ? cli_error(cli, EINVAL, "Only files of this system are possible.")
                               : 0;
}

/* Whole seconds since then by CLOCK_MONOTONIC, as the router counts them: never none. */
unsigned cli_seconds_since(uint64_t then)
{
    uint64_t seconds = (clock_usec(CLOCK_MONOTONIC) - then) / USEC_PER_SEC;

    return seconds > 0 ? (unsigned)seconds : 1;
}

/* --- Saving ----------------------------------------------------------------------------------- */

void cli_save_done(CliSave *save)
{
    if (save->temporary)
        (void)unlink(save->temporary);
    closep(&save->fd);
    free(save->path);
    free(save->temporary);
    *save = (CliSave){.fd = -EBADF};
}

/* A file is written beside the old one, which stays until the new one is complete. The
 * configuration is not for everybody: a new file is its owner's alone. */
static int open_file(const char *path, const struct stat *old, CliSave *ret)
{
    _cleanup_free_ char *temporary = NULL, *copy = old ? realpath(path, NULL) : strdup(path);
    int fd;

    if (!copy)
        return -errno;
    if (asprintf(&temporary, "%s.XXXXXX", copy) < 0) {
        temporary = NULL;
        return -ENOMEM;
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret = (CliSave){.fd = fd, .path = TAKE_PTR(copy), .temporary = TAKE_PTR(temporary)};
    return old && fchmod(fd, old->st_mode & 0777) < 0 ? -errno : 0;
}

static int open_path(const char *path, CliSave *ret)
{
    struct stat old;

    if (stat(path, &old) < 0)
        return errno == ENOENT ? open_file(path, NULL, ret) : -errno;
    if (S_ISREG(old.st_mode))
        return access(path, W_OK) < 0 ? -errno : open_file(path, &old, ret);
    ret->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return ret->fd < 0 ? -errno : 0;
}

int cli_save_open(Cli *cli, const char *path, CliSave *ret)
{
    char buffer[CLI_PATH_SIZE];
    int r = check_path(cli, path);

    if (r < 0)
        return r;
    r = open_path(cli_path(path, buffer), ret);
    return r < 0 ? cli_error(cli, r, "%s cannot be written: %s", path, strerror(-r)) : 0;
}

static int save_text(CliSave *save, const char *text, size_t size)
{
    int r = write_full(save->fd, text, size);

    if (r < 0 || !save->temporary)
        return r;
    if (fsync(save->fd) < 0 || rename(save->temporary, save->path) < 0)
        return -errno;
    free(TAKE_PTR(save->temporary));
    return 0;
}

int cli_save_text(Cli *cli, CliSave *save, const char *text)
{
    int r = save_text(save, text, strlen(text));

    return r < 0 ? cli_error(cli, r, "The file cannot be written: %s", strerror(-r)) : 0;
}

int cli_save_running(Cli *cli, CliSave *save, unsigned *ret_lines)
{
    _cleanup_free_ char *text = NULL;
    unsigned lines = 0;
    size_t size;
    int r = cli_running_text(cli, &text, &size);

    if (r < 0)
        return r;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    r = save_text(save, text, size);
    if (r < 0)
        return cli_error(cli, r, "The configuration cannot be written: %s", strerror(-r));
    *ret_lines = lines;
    return 0;
}

int cli_copy_running(Cli *cli, const GrammarMatch *m)
{
    _cleanup_(cli_save_done) CliSave save = {.fd = -EBADF};
    const char *path = grammar_argument(m, "file");
    uint64_t start;
    struct stat old;
    unsigned lines, seconds;
    int r;

    if (stat(path, &old) >= 0 && S_ISREG(old.st_mode)) {
        r = cli_ask_yes_no(
            cli, "The destination file already exists. Do you want to overwrite? [no]: ", 0);
        if (r <= 0)
            return r < 0 ? r : -ECANCELED;
    }
    r = cli_save_open(cli, path, &save);
    if (r < 0)
        return r;
    start = clock_usec(CLOCK_MONOTONIC);
    (void)fputs("Building configuration.\n", cli->out);
    r = cli_save_running(cli, &save, &lines);
    if (r < 0)
        return r;
    seconds = cli_seconds_since(start);
    fprintf(cli->out, "%u lines built in %u second%s\n[OK]\n", lines, seconds,
            seconds > 1 ? "s" : "");
    return 0;
}

/* --- Loading ---------------------------------------------------------------------------------- */

static int read_path(Cli *cli, const char *path, char **ret, size_t *ret_size)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    _cleanup_free_ char *text = NULL;
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0)
        return cli_error(cli, errno, "%s cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)LOAD_SIZE_MAX)
        return cli_error(cli, EINVAL, "%s is no file of at most %u bytes.", path, LOAD_SIZE_MAX);
    text = malloc(LOAD_SIZE_MAX + 1);
    if (!text)
        return cli_error(cli, ENOMEM, "Out of memory");
    n = read_full(fd, text, LOAD_SIZE_MAX);
    if (n < 0)
        return cli_error(cli, (int)n, "%s cannot be read: %s", path, strerror((int)-n));
    text[n] = '\0';
    *ret = TAKE_PTR(text);
    *ret_size = (size_t)n;
    return 0;
}

/* Line number n of the text. */
static const char *find_line(const char *text, unsigned n, size_t *ret_length)
{
    for (; n > 1 && *text; n--) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    *ret_length = strcspn(text, "\r\n");
    return text;
}

static void say_error(Cli *cli, const char *text, uint32_t number, uint32_t column,
                      const char *message)
{
    char beginning[160];
    size_t length;
    const char *line = find_line(text, number, &length);

    (void)snprintf(beginning, sizeof(beginning), "%.*s",
                   (int)(length < sizeof(beginning) ? length : sizeof(beginning)), line);
    (void)cli_error(cli, EINVAL, "Line %" PRIu32 ": %s", number, beginning);
    if (strstr(message, "'^' marker") && column < sizeof(beginning))
        (void)dprintf(STDERR_FILENO, "%*s^\n",
                      snprintf(NULL, 0, "%% Line %" PRIu32 ": ", number) + (int)column, "");
    (void)cli_error(cli, EINVAL, "%s", message);
}

static int say_errors(Cli *cli, sd_bus_message *reply, const char *text)
{
    uint32_t number, column;
    const char *message;
    unsigned n = 0;
    int r = sd_bus_message_enter_container(reply, 'a', "(uus)");

    for (; r >= 0 && (r = sd_bus_message_read(reply, "(uus)", &number, &column, &message)) > 0; n++)
        say_error(cli, text, number, column, message);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    return n > 0 ? cli_error(cli, EINVAL, "Nothing was loaded.") : 0;
}

static int load_text(Cli *cli, const char *text, size_t size, uint32_t *ret_lines)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_close_ int fd = memfd_new_sealed("load", text, size);
    int r;

    if (fd < 0)
        return cli_error(cli, fd, "The text cannot be passed on: %s", strerror(-fd));
    r = cli_new_call(cli, POLICY_NAME, cli->session, cli_documents(cli, POLICY_SESSION_INTERFACE),
                     "Load", &call);
    if (r >= 0)
        r = cli_append_document(cli, call, fd);
    if (r < 0)
        return r;
    r = cli_call_message(cli, call, &error, &reply);
    if (r < 0)
        return cli_session_error(cli, &error, r);
    r = sd_bus_message_read(reply, "u", ret_lines);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    return say_errors(cli, reply, text);
}

static int load(Cli *cli, const GrammarMatch *m, const char *text, size_t size)
{
    uint64_t start;
    unsigned seconds;
    uint32_t lines;
    int r;

    start = clock_usec(CLOCK_MONOTONIC);
    (void)fputs("Loading.\n", cli->out);
    (void)fflush(cli->out);
    r = load_text(cli, text, size, &lines);
    if (r >= 0)
        r = cli_config_root(cli, m);
    if (r < 0)
        return r;
    seconds = cli_seconds_since(start);
    fprintf(cli->out, "%zu bytes parsed in %u sec (%zu)bytes/sec\n", size, seconds, size / seconds);
    return 0;
}

int cli_load(Cli *cli, const GrammarMatch *m)
{
    const char *path = grammar_argument(m, "file");
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = check_path(cli, path);

    if (r >= 0)
        r = read_path(cli, path, &text, &size);
    return r < 0 ? r : load(cli, m, text, size);
}

static int load_changes(Cli *cli, const GrammarMatch *m, const char *member)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_free_ void *text = NULL;
    size_t size = 0;
    int r = cli_get_changes(cli, m, member, &reply);

    if (r >= 0)
        r = cli_read_document(cli, reply, &text, &size);
    return r < 0 ? r : load(cli, m, text, size);
}

int cli_load_commit(Cli *cli, const GrammarMatch *m)
{
    return load_changes(cli, m, "GetCommitChanges");
}

int cli_load_rollback(Cli *cli, const GrammarMatch *m)
{
    return load_changes(cli, m, "GetRollbackChanges");
}
