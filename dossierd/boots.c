/* SPDX-License-Identifier: Apache-2.0 */
#include "boots.h"

#include <fcntl.h>
#include <systemd/sd-journal.h>

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

/* The service manager says which of these targets it reached as the last thing of a boot. */
static int read_end(sd_journal *j, sd_id128_t id, BootEnd *ret)
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

    *ret = BOOT_END_NONE;
    for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
        int r = match_boot(j, id);

        if (r >= 0)
            r = sd_journal_add_match(j, "_PID=1", 0);
        if (r >= 0) /* SD_MESSAGE_UNIT_STARTED */
            r = sd_journal_add_match(j, "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf", 0);
        if (r >= 0)
            r = sd_journal_add_match(j, ends[i].match, 0);
        if (r >= 0)
            r = sd_journal_seek_tail(j);
        if (r >= 0)
            r = sd_journal_previous(j);
        if (r < 0)
            return r;
        if (r > 0) {
            *ret = ends[i].end;
            return 0;
        }
    }
    return 0;
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
    r = sd_journal_get_realtime_usec(j, &boot.last_usec);
    if (r >= 0)
        r = read_end(j, id, &boot.end);
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

int boots_read(Collect *c, Boot **ret, size_t *ret_n)
{
    _cleanup_(sd_journal_closep) sd_journal *j = NULL;
    _cleanup_free_ sd_id128_t *ids = NULL;
    _cleanup_free_ Boot *boots = NULL;
    size_t n_ids, n = 0;
    int r;

    r = sd_journal_open_directory_fd(&j, c->root_fd, SD_JOURNAL_OS_ROOT);
    if (r < 0)
        return r;
    r = list_boots(j, &ids, &n_ids);
    if (r < 0)
        return r;
    if (n_ids == 0)
        return -ENODATA;
    boots = calloc(n_ids, sizeof *boots);
    if (!boots)
        return -ENOMEM;
    for (size_t i = 0; i < n_ids && !collect_should_stop(c); i++) {
        r = read_boot(j, ids[i], &boots[n]);
        if (r < 0)
            return r;
        n += (size_t)r;
    }
    boots_conclude(boots, n);
    *ret = TAKE_PTR(boots);
    *ret_n = n;
    return 0;
}
