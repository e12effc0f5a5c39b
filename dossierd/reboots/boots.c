/* SPDX-License-Identifier: Apache-2.0 */
#include "boots.h"

#include <fcntl.h>
#include <systemd/sd-journal.h>

#include "clock.h"

const char *boot_cause_to_string(BootCause cause)
{
    switch (cause) {
    case BOOT_CAUSE_REBOOT:
        return "Orderly reboot";
    case BOOT_CAUSE_POWER_OFF:
        return "Started after an orderly power-off";
    case BOOT_CAUSE_HALT:
        return "Started after an orderly halt";
    case BOOT_CAUSE_KEXEC:
        return "Orderly reboot into a loaded kernel (kexec)";
    case BOOT_CAUSE_UNCLEAN:
        return "The boot before has no orderly end in the journal: power loss, crash or reset";
    case BOOT_CAUSE_UNKNOWN:
    default:
        return "Unknown: the journal does not reach back to the boot before";
    }
}

const char *boot_end_to_string(BootEnd end)
{
    switch (end) {
    case BOOT_END_REBOOT:
        return "reboot";
    case BOOT_END_POWER_OFF:
        return "power-off";
    case BOOT_END_HALT:
        return "halt";
    case BOOT_END_KEXEC:
        return "kexec";
    case BOOT_END_RUNNING:
        return "running";
    case BOOT_END_NONE:
    default:
        return "none";
    }
}

void boot_list_done(BootList *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->boots[i].errors);
    free(l->boots);
    *l = (BootList){NULL, 0};
}

static int compare_boots(const void *a, const void *b)
{
    const Boot *x = a, *y = b;

    return (x->first_usec > y->first_usec) - (x->first_usec < y->first_usec);
}

static BootCause cause_from_end(BootEnd end)
{
    switch (end) {
    case BOOT_END_REBOOT:
        return BOOT_CAUSE_REBOOT;
    case BOOT_END_POWER_OFF:
        return BOOT_CAUSE_POWER_OFF;
    case BOOT_END_HALT:
        return BOOT_CAUSE_HALT;
    case BOOT_END_KEXEC:
        return BOOT_CAUSE_KEXEC;
    case BOOT_END_NONE:
    case BOOT_END_RUNNING:
    default:
        return BOOT_CAUSE_UNCLEAN;
    }
}

void boots_conclude(Boot *boots, size_t n)
{
    if (n > 0)
        qsort(boots, n, sizeof *boots, compare_boots);
    for (size_t i = 0; i < n; i++)
        boots[i].cause = i == 0 ? BOOT_CAUSE_UNKNOWN : cause_from_end(boots[i - 1].end);
}

static int match_boot(sd_journal *j, sd_id128_t id)
{
    char text[STRLEN("_BOOT_ID=") + SD_ID128_STRING_MAX];

    sd_journal_flush_matches(j);
    (void)snprintf(text, sizeof text, "_BOOT_ID=" SD_ID128_FORMAT_STR, SD_ID128_FORMAT_VAL(id));
    return sd_journal_add_match(j, text, 0);
}

#define UNIT_STARTED "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"
#define JOURNAL_STOPPED "MESSAGE_ID=d93fb3c9c24d451a97cea615ce59c00b"

/* Has the service manager said in that boot that it reached the unit? 1 or 0. */
static int has_reached(sd_journal *j, sd_id128_t id, const char *unit)
{
    int r = match_boot(j, id);

    if (r >= 0)
        r = sd_journal_add_match(j, UNIT_STARTED, 0);
    if (r >= 0)
        r = sd_journal_add_match(j, unit, 0);
    if (r >= 0)
        r = sd_journal_add_match(j, "_PID=1", 0);
    if (r >= 0)
        r = sd_journal_seek_tail(j);
    return r < 0 ? r : sd_journal_previous(j);
}

/* The service manager says which of these targets it reached as the last thing of a boot. */
static int read_end(sd_journal *j, Boot *boot)
{
    static const struct {
        const char *match;
        BootEnd end;
    } ends[] = {
        {"UNIT=reboot.target", BOOT_END_REBOOT},
        {"UNIT=poweroff.target", BOOT_END_POWER_OFF},
        {"UNIT=halt.target", BOOT_END_HALT},
        {"UNIT=kexec.target", BOOT_END_KEXEC},
    };
    int r = has_reached(j, boot->id, "UNIT=shutdown.target");

    if (r < 0)
        return r;
    boot->shutdown_begun = r > 0;
    boot->end = BOOT_END_NONE;
    for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
        r = has_reached(j, boot->id, ends[i].match);
        if (r < 0)
            return r;
        if (r > 0) {
            boot->end = ends[i].end;
            return 0;
        }
    }
    return 0;
}

/* Goes to the first of the kernel's last messages, and reads from there. */
static int read_kernel_errors(sd_journal *j, Boot *boot)
{
    _cleanup_free_ KernelErrors *errors = calloc(1, sizeof *errors);
    int r = match_boot(j, boot->id);

    if (!errors)
        return -ENOMEM;
    if (r >= 0)
        r = sd_journal_add_match(j, "_TRANSPORT=kernel", 0);
    if (r >= 0)
        r = sd_journal_seek_tail(j);
    if (r >= 0)
        r = sd_journal_previous_skip(j, BOOT_KERNEL_LINES_MAX);
    for (; r > 0; r = sd_journal_next(j)) {
        const void *data;
        uint64_t usec = 0;
        size_t size;

        if (sd_journal_get_data(j, "MESSAGE", &data, &size) >= 0 &&
            sd_journal_get_realtime_usec(j, &usec) >= 0)
            kernel_errors_add(errors, usec, (const char *)data + STRLEN("MESSAGE="),
                              size - STRLEN("MESSAGE="));
    }
    if (r < 0)
        return r;
    boot->errors = TAKE_PTR(errors);
    return 0;
}

/* Of the entry where the journal stands: is it what a journal says that is closed in order? */
static bool is_journal_stopped(sd_journal *j)
{
    const void *data;
    size_t size;

    return sd_journal_get_data(j, "MESSAGE_ID", &data, &size) >= 0 &&
           size == STRLEN(JOURNAL_STOPPED) && memcmp(data, JOURNAL_STOPPED, size) == 0;
}

/* Returns 1 when the boot has entries, 0 when not. */
static int read_boot(sd_journal *j, sd_id128_t id, Boot *ret)
{
    Boot boot = {.id = id};
    int r;

    r = match_boot(j, id);
    if (r >= 0)
        r = sd_journal_seek_head(j);
    if (r >= 0)
        r = sd_journal_next(j);
    if (r <= 0)
        return r;
    r = sd_journal_get_realtime_usec(j, &boot.first_usec);
    if (r >= 0)
        r = sd_journal_seek_tail(j);
    if (r >= 0)
        r = sd_journal_previous(j);
    if (r <= 0)
        return r;
    boot.journal_stopped = is_journal_stopped(j);
    r = sd_journal_get_realtime_usec(j, &boot.last_usec);
    if (r >= 0)
        r = read_end(j, &boot);
    if (r < 0)
        return r;
    *ret = boot;
    return 1;
}

static int parse_boot_id(const void *data, size_t size, sd_id128_t *ret)
{
    char text[SD_ID128_STRING_MAX];

    if (size != STRLEN("_BOOT_ID=") + SD_ID128_STRING_MAX - 1)
        return -EBADMSG;
    memcpy(text, (const char *)data + STRLEN("_BOOT_ID="), SD_ID128_STRING_MAX - 1);
    text[SD_ID128_STRING_MAX - 1] = 0;
    return sd_id128_from_string(text, ret);
}

/* The identifiers first: looking at one boot moves the journal. */
static int list_boots(sd_journal *j, sd_id128_t **ret, size_t *ret_n)
{
    _cleanup_free_ sd_id128_t *ids = NULL;
    const void *data;
    size_t size, n = 0;
    int r;

    r = sd_journal_query_unique(j, "_BOOT_ID");
    if (r < 0)
        return r;
    ids = calloc(BOOTS_MAX, sizeof *ids);
    if (!ids)
        return -ENOMEM;
    SD_JOURNAL_FOREACH_UNIQUE(j, data, size)
    {
        if (n == BOOTS_MAX)
            return -E2BIG;
        if (parse_boot_id(data, size, &ids[n]) >= 0)
            n++;
    }
    *ret = TAKE_PTR(ids);
    *ret_n = n;
    return 0;
}

/* The newest one, when it has something from after the system's start. The boot's number is no
 * help: a container's own is not what a private /proc shows. */
static bool is_running(Collect *c, const Boot *newest)
{
    char text[64], *end;
    unsigned long long up;

    if (collect_read(c->root_fd, "proc/uptime", text, sizeof text) < 0)
        return false;
    up = strtoull(text, &end, 10);
    if (end == text)
        return false;
    return newest->last_usec / USEC_PER_SEC + up + 1 >= (uint64_t)clock_sec(CLOCK_REALTIME);
}

static int read_boots(Collect *c, sd_journal *j, BootList *l)
{
    _cleanup_free_ sd_id128_t *ids = NULL;
    size_t n_ids;
    int r = list_boots(j, &ids, &n_ids);

    if (r < 0)
        return r;
    if (n_ids == 0)
        return -ENODATA;
    l->boots = calloc(n_ids, sizeof *l->boots);
    if (!l->boots)
        return -ENOMEM;
    for (size_t i = 0; i < n_ids && !collect_should_stop(c); i++) {
        r = read_boot(j, ids[i], &l->boots[l->n]);
        if (r < 0)
            return r;
        l->n += (size_t)r;
    }
    return 0;
}

int boots_read(Collect *c, BootList *ret)
{
    _cleanup_(sd_journal_closep) sd_journal *j = NULL;
    _cleanup_(boot_list_done) BootList list = {NULL, 0};
    unsigned looked = 0;
    int r;

    r = sd_journal_open_directory_fd(&j, c->root_fd, SD_JOURNAL_OS_ROOT);
    if (r >= 0)
        r = read_boots(c, j, &list);
    if (r < 0)
        return r;
    boots_conclude(list.boots, list.n);
    if (list.n > 0 && is_running(c, &list.boots[list.n - 1]))
        list.boots[list.n - 1].end = BOOT_END_RUNNING;
    for (size_t i = list.n; i-- > 0 && looked < BOOTS_ERRORS_MAX && !collect_should_stop(c);)
        if (list.boots[i].end == BOOT_END_NONE) {
            r = read_kernel_errors(j, &list.boots[i]);
            if (r < 0)
                return r;
            looked++;
        }
    *ret = list;
    list = (BootList){NULL, 0};
    return 0;
}
