/* SPDX-License-Identifier: Apache-2.0 */
/* The files that the services read, and the services that read them again. */
#include <fcntl.h>

#include "atomic-file.h"
#include "hostd.h"
#include "hosts-file.h"
#include "log.h"
#include "names.h"
#include "org.chancery.Host1.h"
#include "render.h"

#define FILE_MAX (1U << 20)

typedef struct DropIn {
    const char *file, *note; /* the note is there while the service has yet to read the file */
    mode_t mode;
    const char *unit, *method;
    char *(*render)(const Services *services);
    bool (*is_configured)(const Services *services);
} DropIn;

/* snmpd forgets what it was told only when it is started anew; and it reads its files as root only
 * then, which communities need. */
static const DropIn drop_ins[DROP_INS] = {
    {"sshd.conf", "sshd.unread", 0644, SSH_UNIT, "ReloadOrTryRestartUnit", render_sshd,
     services_have_ssh},
    {"snmpd.conf", "snmpd.unread", 0600, SNMP_UNIT, "TryRestartUnit", render_snmpd,
     services_have_snmp},
    /* Does not run while its file is empty. */
    {"snmp-agent", "snmp-agent.unread", 0644, SNMP_AGENT_UNIT, "RestartUnit", render_snmp_agent,
     services_have_traps},
};

/* One Apply, until the services have read. */
typedef struct Applying {
    Hostd *hostd;
    ConfigApplied *answer;
    unsigned pending;
} Applying;

typedef struct Reading {
    Applying *applying;
    const DropIn *drop_in;
    unsigned number; /* of those of this file; an older one may have read what was there before */
} Reading;

static void reading_done(Reading *reading)
{
    Applying *applying = reading->applying;

    free(reading);
    if (--applying->pending > 0)
        return;
    if (applying->answer)
        config_applied_answer(applying->answer);
    free(applying);
}

static void announce(Hostd *hostd)
{
    (void)sd_bus_emit_properties_changed(server_bus(hostd->server), HOST_PATH, HOST_NAME, "Unread",
                                         NULL);
}

static unsigned *readings_of(Hostd *hostd, const DropIn *drop_in)
{
    return &hostd->readings[drop_in - drop_ins];
}

static bool is_newest(const Reading *reading)
{
    return reading->number == *readings_of(reading->applying->hostd, reading->drop_in);
}

static void on_read(const char *reason, void *userdata)
{
    Reading *reading = userdata;
    const DropIn *drop_in = reading->drop_in;
    int r;

    if (reason)
        log_error("%s was not made to read %s, it will when this daemon starts again: %s",
                  drop_in->unit, drop_in->file, reason);
    else if (is_newest(reading) &&
             (r = atomic_unlink_at(reading->applying->hostd->state_fd, drop_in->note)) < 0 &&
             r != -ENOENT)
        log_warning_errno(r, "Failed to remove %s, ignoring: %m", drop_in->note);
    announce(reading->applying->hostd);
    reading_done(reading);
}

static bool is_same(int fd, const char *name, const char *text)
{
    _cleanup_free_ void *data = NULL;
    size_t size;

    return read_file_at(fd, name, FILE_MAX, &data, &size) >= 0 && size == strlen(text) &&
           memcmp(data, text, size) == 0;
}

static bool is_there(int fd, const char *name)
{
    return faccessat(fd, name, F_OK, 0) == 0;
}

/* Returns 1 when the service has to read the file. */
static int write_drop_in(int fd, const DropIn *drop_in, const Services *services)
{
    _cleanup_free_ char *text = drop_in->render(services);
    int r;

    if (!text)
        return -ENOMEM;
    /* Who was never told anything need not be told that there is nothing. */
    if (!drop_in->is_configured(services) && !is_there(fd, drop_in->file))
        return 0;
    if (is_same(fd, drop_in->file, text))
        return is_there(fd, drop_in->note);
    r = atomic_write_at(fd, drop_in->note, "", 0, 0600);
    if (r >= 0)
        r = atomic_write_at(fd, drop_in->file, text, strlen(text), drop_in->mode);
    return r < 0 ? r : 1;
}

static int have_read(Applying *applying, const DropIn *drop_in)
{
    Reading *reading = calloc(1, sizeof *reading);
    int r;

    if (!reading)
        return -ENOMEM;
    *reading = (Reading){applying, drop_in, ++*readings_of(applying->hostd, drop_in)};
    r = unit_job(applying->hostd->jobs, drop_in->method, drop_in->unit, on_read, reading);
    if (r < 0) {
        free(reading);
        return r;
    }
    applying->pending++;
    return 0;
}

int apply_services(Hostd *hostd, const Services *services)
{
    Applying *applying = calloc(1, sizeof *applying);
    int result = 0;

    if (!applying)
        return -ENOMEM;
    applying->hostd = hostd;
    for (size_t i = 0; i < ELEMENTSOF(drop_ins); i++) {
        int r = write_drop_in(hostd->state_fd, &drop_ins[i], services);

        if (r > 0)
            r = have_read(applying, &drop_ins[i]);
        if (r < 0)
            result = log_error_errno(r, "Failed to make %s effective: %m", drop_ins[i].file);
    }
    if (applying->pending > 0)
        announce(hostd);
    if (applying->pending == 0)
        free(applying);
    else if (result >= 0)
        applying->answer = config_applied_later(hostd->server);
    return result;
}

int apply_hosts(Hostd *hostd, const char *text)
{
    if (is_same(hostd->state_fd, HOSTS_FILE_NAME, text))
        return 0;
    return atomic_write_at(hostd->state_fd, HOSTS_FILE_NAME, text, strlen(text), 0644);
}

/* --- On the bus ------------------------------------------------------------------------------- */

int host1_get_unread(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    const Hostd *hostd = userdata;
    int r = sd_bus_message_open_container(reply, 'a', "s");

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(drop_ins); i++)
        if (is_there(hostd->state_fd, drop_ins[i].note))
            r = sd_bus_message_append(reply, "s", drop_ins[i].unit);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

int apply_init(Hostd *hostd)
{
    return server_add_object(hostd->server, HOST_PATH, &host1_interface, hostd);
}
