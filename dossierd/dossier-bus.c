/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers: they check what they were given, ask for the tasks, and start a job. */
#include "dossier-bus.h"

#include <fcntl.h>

#include "atomic-file.h"
#include "dossier.h"
#include "errors.h"
#include "jobs.h"
#include "keyd-client.h"
#include "log.h"
#include "names.h"
#include "nonce.h"
#include "openssl-util.h"
#include "org.chancery.Dossier1.h"
#include "stream.h"
#include "transfer.h"

#define SELECTOR_TEXT_SIZE 512U
#define TASKS_MAX 16U
#define COMMAND_TASK "basic-services.read"

DEFINE_TRIVIAL_CLEANUP_FUNC(CollectWork *, collect_work_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(SignWork *, sign_work_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(LogWork *, log_work_free);

static void list_names(uint32_t set, const char *separator, char names[static SELECTOR_TEXT_SIZE])
{
    size_t used = 0;

    names[0] = 0;
    for (unsigned i = 0; selectors[i].name; i++)
        if (set & UINT32_C(1) << i && used < SELECTOR_TEXT_SIZE)
            used += (size_t)snprintf(names + used, SELECTOR_TEXT_SIZE - used, "%s%s",
                                     used > 0 ? separator : "", selectors[i].name);
}

static int refuse_selector(const char *name, sd_bus_error *reterr_error)
{
    char names[SELECTOR_TEXT_SIZE];

    list_names(~UINT32_C(0), ", ", names);
    return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                             "There is no selector \"%.64s\"; there are %s", name, names);
}

static int read_selectors(sd_bus_message *m, uint32_t *ret, sd_bus_error *reterr_error)
{
    uint32_t set = 0;
    const char *name;
    int r;

    r = sd_bus_message_enter_container(m, 'a', "s");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_read_basic(m, 's', &name)) > 0) {
        uint32_t bit = selector_bit(name);

        if (bit == 0)
            return refuse_selector(name, reterr_error);
        if (set & bit)
            return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                     "The selector \"%s\" is given twice", name);
        set |= bit;
    }
    if (r < 0)
        return r;
    *ret = set ? set : selectors_default();
    return sd_bus_message_exit_container(m);
}

static int check_nonce(const char *nonce, sd_bus_error *reterr_error)
{
    if (!nonce || nonce_is_valid(nonce))
        return 0;
    return sd_bus_error_set(reterr_error, ERROR_INVALID_ARGUMENT, NONCE_RULE);
}

/* A nonce that can be guessed proves nothing about when an envelope was made. */
static int check_nonce_length(const Manager *manager, const char *nonce, sd_bus_error *reterr_error)
{
    unsigned minimum = manager->nonce_minimum;

    if (minimum == 0 || (nonce && nonce_length(nonce) >= minimum))
        return 0;
    return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                             "The configuration wants a nonce of at least %u bytes: %u "
                             "hexadecimal digits after 0x, or %u decimal digits",
                             minimum, 2 * minimum, (minimum * 100000 + 41523) / 41524);
}

static int read_descriptor(sd_bus_message *m, int access_mode, const char *what, int *ret,
                           sd_bus_error *reterr_error)
{
    _cleanup_close_ int fd = -EBADF;
    int r = bus_read_descriptor(m, access_mode, &fd, reterr_error);

    if (r < 0)
        return r;
    if (stream_check(fd, access_mode) < 0)
        return sd_bus_error_setf(
            reterr_error, ERROR_INVALID_ARGUMENT,
            "%s has to be a pipe, a socket or a memory file that is open for %s", what,
            access_mode == O_RDONLY ? "reading" : "writing");
    *ret = TAKE_FD(fd);
    return 0;
}

/* The command's own task and those of the selectors, each once. */
static void list_tasks(uint32_t set, const char *tasks[TASKS_MAX])
{
    size_t n = 0;

    tasks[n++] = COMMAND_TASK;
    for (unsigned i = 0; selectors[i].name; i++) {
        size_t k;

        if (!(set & UINT32_C(1) << i))
            continue;
        for (k = 0; k < n && !streq(tasks[k], selectors[i].task); k++)
            ;
        if (k == n && n < TASKS_MAX - 1)
            tasks[n++] = selectors[i].task;
    }
    tasks[n] = NULL;
}

static int authorize_collect(sd_bus_message *m, uint32_t set, const char *nonce,
                             sd_bus_error *reterr_error)
{
    const char *tasks[TASKS_MAX];
    char names[SELECTOR_TEXT_SIZE];

    list_tasks(set, tasks);
    list_names(set, " ", names);
    return bus_authorize(
        m, tasks, (const char *const[]){"selectors", names, "nonce", nonce ? nonce : "", NULL},
        reterr_error);
}

int dossier1_method_collect(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(collect_work_freep) CollectWork *data = collect_work_new();
    const Manager *manager = userdata;
    const char *nonce = NULL, *files = NULL, *location = NULL;
    const BusOption options[] = {
        {"nonce", 's', &nonce, NULL},
        {"location", 's', &location, NULL},
        {"filesystem-inventory-options", 's', &files, NULL},
        {"verify-packages", 'b', data ? &data->verify_packages : NULL, NULL}};
    JobWork work = collect_job;
    uint32_t set = 0;
    int r;

    if (!data)
        return -ENOMEM;
    r = read_selectors(m, &set, reterr_error);
    if (r >= 0)
        r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    if (r >= 0)
        r = check_nonce(nonce, reterr_error);
    if (r >= 0)
        r = node_choice_make(manager->nodes, set, location, nonce, files, &data->nodes,
                             reterr_error);
    if (r >= 0 && data->verify_packages && !(data->nodes.here & selector_bit(PACKAGES_SELECTOR)))
        r = sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                              "verify-packages needs the selector " PACKAGES_SELECTOR
                              " of this node");
    if (r < 0)
        return r;
    r = authorize_collect(m, set, nonce, reterr_error);
    if (r <= 0)
        return r < 0 ? r : 1;
    r = read_descriptor(m, O_WRONLY, "The output", &data->output, reterr_error);
    if (r < 0)
        return r;
    data->manager = userdata;
    data->rate = snapshots_rate(manager->snapshots);
    data->nonce = nonce ? strdup(nonce) : NULL;
    if (nonce && !data->nonce)
        return -ENOMEM;
    work.data = TAKE_PTR(data);
    return job_start(m, &work, reterr_error);
}

int dossier1_method_sign(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sign_work_freep) SignWork *data = sign_work_new();
    const char *nonce = NULL, *format = NULL;
    JobWork work = sign_job;
    int r;

    if (!data)
        return -ENOMEM;
    r = read_descriptor(m, O_RDONLY, "The input", &data->input, reterr_error);
    if (r >= 0) {
        const BusOption options[] = {{"nonce", 's', &nonce, NULL},
                                     {"include-certificate", 'b', &data->include_certificate, NULL},
                                     {"format", 's', &format, NULL}};

        r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    }
    if (r >= 0 && format && sign_format_from_string(format, &data->format) < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A format is envelope, eat-jwt or eat-cwt");
    if (r >= 0)
        r = check_nonce(nonce, reterr_error);
    if (r >= 0)
        r = check_nonce_length(userdata, nonce, reterr_error);
    if (r >= 0)
        r = read_descriptor(m, O_WRONLY, "The output", &data->output, reterr_error);
    if (r < 0)
        return r;
    data->manager = userdata;
    data->nonce = nonce ? strdup(nonce) : NULL;
    if (nonce && !data->nonce)
        return -ENOMEM;
    work.data = TAKE_PTR(data);
    return job_start(m, &work, reterr_error);
}

static int keep_text(const char *text, char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? -ENOMEM : 0;
}

int dossier1_method_read_log(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(log_work_freep) LogWork *data = log_work_new();
    const char *process = NULL, *text = NULL;
    JobWork work = log_job;
    int r;

    if (!data)
        return -ENOMEM;
    {
        const BusOption options[] = {{"last", 'u', &data->query.last, NULL},
                                     {"since", 't', &data->query.since, NULL},
                                     {"until", 't', &data->query.until, NULL},
                                     {"severity", 'u', &data->query.priority, NULL},
                                     {"process", 's', &process, NULL},
                                     {"text", 's', &text, NULL}};

        r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    }
    if (r >= 0 && data->query.priority > 7)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A severity is between 0 and 7");
    if (r >= 0)
        r = read_descriptor(m, O_WRONLY, "The output", &data->output, reterr_error);
    if (r >= 0)
        r = keep_text(process, &data->process);
    if (r >= 0)
        r = keep_text(text, &data->text);
    if (r < 0)
        return r;
    data->manager = userdata;
    work.data = TAKE_PTR(data);
    return job_start(m, &work, reterr_error);
}

int dossier1_method_selectors(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r;

    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sss)");
    for (const Selector *s = selectors; r >= 0 && s->name; s++)
        r = sd_bus_message_append(reply, "(sss)", s->name, s->task, s->description);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

int dossier1_method_take_snapshot(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const Manager *manager = userdata;
    uint32_t dir_set = 0;
    bool full = false;
    const BusOption options[] = {{"full", 'b', &full, NULL}, {"dir-set", 'u', &dir_set, NULL}};
    int r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);

    return r < 0 ? r : snapshots_take(manager->snapshots, m, full, dir_set, reterr_error);
}

int dossier1_method_snapshots(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const Manager *manager = userdata;

    return snapshots_describe(manager->snapshots, m, reterr_error);
}

static int load_nonces(Manager *manager)
{
    static const LogEvent corrupt = {LOG_STATE_CORRUPT}, unreadable = {LOG_STATE_UNREADABLE};
    int r;

    manager->state_fd = state_directory_open();
    if (manager->state_fd < 0)
        return log_error_errno(manager->state_fd, "Failed to open the state directory: %m");
    (void)remove_leftovers_at(manager->state_fd);
    r = nonce_log_load(&manager->nonces, manager->state_fd);
    if (r == -EBADMSG)
        log_event(&corrupt, LOG_FIELDS("FILE", NONCE_LOG_FILE),
                  "The list of nonces that were signed for is damaged and was moved aside: of one "
                  "that comes again it is not said");
    else if (r < 0)
        log_event(&unreadable, LOG_FIELDS("FILE", NONCE_LOG_FILE),
                  "The list of nonces that were signed for cannot be read: %s; of one that comes "
                  "again it is not said, and nothing is written over it, until it can be, which "
                  "each signature tries",
                  strerror(-r));
    return 0;
}

int manager_start(Server *server, void **ret)
{
    Manager *manager = calloc(1, sizeof *manager);
    int r;

    if (!manager)
        return -ENOMEM;
    quota_init(&manager->quota);
    provenance_init(&manager->provenance);
    nonce_log_init(&manager->nonces);
    manager->state_fd = -EBADF;
    *ret = manager;
    manager->root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (manager->root_fd < 0)
        return -errno;
    r = load_nonces(manager);
    if (r < 0)
        return r;
    manager->context = keyd_provider_context();
    if (!manager->context)
        return log_error_errno(-EIO, "Failed to set up OpenSSL: %m");
    r = jobs_init(server);
    if (r >= 0)
        r = transfers_init(server);
    if (r >= 0)
        r = snapshots_new(server, manager->root_fd, &manager->snapshots);
    if (r >= 0)
        r = server_add_object(server, DOSSIER_PATH, &dossier1_interface, manager);
    if (r >= 0)
        r = config_owner_init(server, dossier_config_sections, manager);
    return r;
}

void manager_stop(void *userdata)
{
    Manager *manager = userdata;

    snapshots_free(manager->snapshots);
    closep(&manager->root_fd);
    closep(&manager->state_fd);
    json_object_put(manager->nodes);
    OSSL_LIB_CTX_free(manager->context);
    quota_done(&manager->quota);
    provenance_done(&manager->provenance);
    nonce_log_done(&manager->nonces);
    free(manager);
}
