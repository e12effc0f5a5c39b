/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-snmp: tells the SNMP agent of the system about trustpoints and certificates. It asks
 * enrolld over the bus, as anybody who holds the task "read crypto", and speaks AgentX with snmpd
 * over a local socket. It keeps what it has told of, and decides nothing. */
#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <signal.h>
#include <sys/select.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "atomic-file.h"
#include "log.h"
#include "memfd.h"
#include "names.h"
#include "pki-mib.h"
#include "pki-told.h"
#include "sandbox.h"
#include "service-program.h"

#define LOOP_SECONDS 5 /* less than half of the unit's WatchdogSec */

typedef struct Agent Agent;

/* What is asked at the start, and whenever it may have changed; again when it has changed while the
 * answer was on its way. */
typedef struct Question {
    Agent *agent;
    const char *name, *path, *interface, *member;
    const char *about; /* what it is, in messages */
    int (*take)(Agent *agent, sd_bus_message *reply);
    bool asking, again;
} Question;

struct Agent {
    sd_bus *bus;
    PkiView view;
    PkiCrls crls;
    PkiAnswers answers;
    Question objects_question, crls_question, answers_question;
    bool has_view;
    bool is_watching; /* who is there has been asked: who goes away is not started from here */
    PkiTold told;
    int state_fd;
    bool is_news; /* the view may have notices that have not been told */
};

static volatile sig_atomic_t terminated;

static void on_signal(int number)
{
    terminated = 1;
}

static void show(const Agent *agent)
{
    pki_mib_show(&agent->view, &agent->crls, &agent->answers);
}

static void tell_one(const PkiCertificate *c)
{
    pki_mib_notify_expiring(c, time(NULL));
}

/* Also of what enrolld has said before this process was there, or its master. */
static void tell_expiring(Agent *agent)
{
    int r;

    if (!agent->is_news || !pki_mib_has_master())
        return;
    agent->is_news = false;
    r = pki_told_update(&agent->told, &agent->view, tell_one);
    /* Sent first, remembered then: who is killed in between says it twice rather than never. */
    if (r > 0)
        r = pki_told_save_at(&agent->told, agent->state_fd);
    if (r < 0)
        log_warning_errno(r, "Failed to remember the notices of expiry, ignoring: %m");
}

/* What was there when this process started is nothing new. */
static void tell_installed(const PkiView *before, const PkiView *now)
{
    for (size_t i = 0; i < now->n_certificates; i++)
        if (!pki_view_has(before, now->certificates[i].trustpoint,
                          now->certificates[i].fingerprint))
            pki_mib_notify_installed(&now->certificates[i]);
}

static int take_objects(Agent *agent, sd_bus_message *reply)
{
    PkiView before = agent->view, view;
    int r = pki_view_read(reply, &view);

    if (r < 0)
        return r;
    agent->view = view;
    show(agent);
    if (agent->has_view)
        tell_installed(&before, &agent->view);
    agent->has_view = agent->is_news = true;
    pki_view_done(&before);
    return 0;
}

static int read_list(sd_bus_message *reply, void **ret, size_t *ret_size)
{
    int fd, r = sd_bus_message_read(reply, "h", &fd);

    return r < 0 ? r : memfd_read(fd, PKI_LIST_SIZE_MAX, ret, ret_size);
}

static int take_crls(Agent *agent, sd_bus_message *reply)
{
    _cleanup_free_ void *text = NULL;
    PkiCrls before = agent->crls, crls;
    size_t size;
    int r = read_list(reply, &text, &size);

    if (r >= 0)
        r = pki_crls_read(text, size, &crls);
    if (r < 0)
        return r;
    agent->crls = crls;
    show(agent);
    pki_crls_done(&before);
    return 0;
}

static int take_answers(Agent *agent, sd_bus_message *reply)
{
    _cleanup_free_ void *text = NULL;
    PkiAnswers before = agent->answers, answers;
    size_t size;
    int r = read_list(reply, &text, &size);

    if (r >= 0)
        r = pki_answers_read(text, size, &answers);
    if (r < 0)
        return r;
    agent->answers = answers;
    show(agent);
    pki_answers_done(&before);
    return 0;
}

/* --- Questions -------------------------------------------------------------------------------- */

static int ask(Question *question);

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Question *question = userdata;
    int r;

    question->asking = false;
    if (sd_bus_message_is_method_error(reply, NULL))
        log_warning("%s did not tell about %s: %s", question->name, question->about,
                    sd_bus_message_get_error(reply)->message);
    else if ((r = question->take(question->agent, reply)) < 0)
        log_warning_errno(r, "Failed to read what %s tells about %s, ignoring: %m", question->name,
                          question->about);
    return question->again ? ask(question) : 0;
}

static int call(Question *question)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
    sd_bus *bus = question->agent->bus;
    int r = sd_bus_message_new_method_call(bus, &m, question->name, question->path,
                                           question->interface, question->member);

    if (r >= 0)
        r = sd_bus_message_set_auto_start(m, !question->agent->is_watching);
    return r < 0 ? r : sd_bus_call_async(bus, NULL, m, on_reply, question, 0);
}

static int ask(Question *question)
{
    int r;

    question->again = question->asking;
    if (question->asking)
        return 0;
    r = call(question);
    if (r < 0)
        return log_warning_errno(r, "Failed to ask %s, ignoring: %m", question->name);
    question->asking = true;
    return 0;
}

static void prepare_questions(Agent *agent)
{
    agent->objects_question = (Question){.agent = agent,
                                         .name = ENROLLMENT_NAME,
                                         .path = ENROLLMENT_PATH,
                                         .interface = "org.freedesktop.DBus.ObjectManager",
                                         .member = "GetManagedObjects",
                                         .about = "its certificates",
                                         .take = take_objects};
    agent->crls_question = (Question){.agent = agent,
                                      .name = TRUSTPOOL_NAME,
                                      .path = TRUSTPOOL_PATH,
                                      .interface = TRUSTPOOL_NAME,
                                      .member = "ListCrls",
                                      .about = "its CRLs",
                                      .take = take_crls};
    agent->answers_question = (Question){.agent = agent,
                                         .name = TRUSTPOOL_NAME,
                                         .path = TRUSTPOOL_PATH,
                                         .interface = TRUSTPOOL_NAME,
                                         .member = "ListOcspAnswers",
                                         .about = "answers of OCSP responders",
                                         .take = take_answers};
}

static int ask_pool(Agent *agent)
{
    int r = ask(&agent->crls_question);

    return r < 0 ? r : ask(&agent->answers_question);
}

static int on_crls_changed(sd_bus_message *signal, void *userdata, sd_bus_error *reterr_error)
{
    (void)ask(&((Agent *)userdata)->crls_question);
    return 0;
}

static int on_answers_changed(sd_bus_message *signal, void *userdata, sd_bus_error *reterr_error)
{
    (void)ask(&((Agent *)userdata)->answers_question);
    return 0;
}

static int on_changed(sd_bus_message *signal, void *userdata, sd_bus_error *reterr_error)
{
    (void)ask(&((Agent *)userdata)->objects_question);
    return 0;
}

/* Whoever is gone is not asked: what he said last is shown until he is back. */
static bool is_back(sd_bus_message *signal)
{
    const char *name, *before, *now;

    return sd_bus_message_read(signal, "sss", &name, &before, &now) >= 0 && *now;
}

static int on_owner(sd_bus_message *signal, void *userdata, sd_bus_error *reterr_error)
{
    if (is_back(signal))
        (void)ask(&((Agent *)userdata)->objects_question);
    return 0;
}

static int on_pool_owner(sd_bus_message *signal, void *userdata, sd_bus_error *reterr_error)
{
    if (is_back(signal))
        (void)ask_pool(userdata);
    return 0;
}

static int watch(Agent *agent)
{
    static const struct {
        const char *rule;
        sd_bus_message_handler_t handler;
    } matches[] = {
        {"type='signal',sender='" ENROLLMENT_NAME
         "',interface='org.freedesktop.DBus.ObjectManager'",
         on_changed},
        {"type='signal',sender='" ENROLLMENT_NAME "',interface='org.freedesktop.DBus.Properties'",
         on_changed},
        {"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0="
         "'" ENROLLMENT_NAME "'",
         on_owner},
        {"type='signal',sender='" TRUSTPOOL_NAME "',interface='" TRUSTPOOL_NAME
         "',member='CrlTaken'",
         on_crls_changed},
        {"type='signal',sender='" TRUSTPOOL_NAME "',interface='" TRUSTPOOL_NAME
         "',member='CrlsCleared'",
         on_crls_changed},
        {"type='signal',sender='" TRUSTPOOL_NAME "',interface='" TRUSTPOOL_NAME
         "',member='OcspAnswersChanged'",
         on_answers_changed},
        {"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0="
         "'" TRUSTPOOL_NAME "'",
         on_pool_owner},
    };
    int r;

    for (size_t i = 0; i < ELEMENTSOF(matches); i++) {
        r = sd_bus_add_match(agent->bus, NULL, matches[i].rule, matches[i].handler, agent);
        if (r < 0)
            return r;
    }
    (void)ask_pool(agent);
    r = ask(&agent->objects_question);
    agent->is_watching = true;
    return r;
}

/* The library's sockets, the bus, and the library's timers, one round of them. */
static int wait_and_serve(Agent *agent)
{
    int bus_fd = sd_bus_get_fd(agent->bus), n = bus_fd + 1, block = 0, r;
    struct timeval wait = {.tv_sec = LOOP_SECONDS};
    fd_set ready;

    FD_ZERO(&ready);
    FD_SET(bus_fd, &ready);
    (void)snmp_select_info(&n, &ready, &wait, &block);
    r = select(n, &ready, NULL, NULL, &wait);
    if (r < 0 && errno != EINTR)
        return -errno;
    if (r > 0)
        snmp_read(&ready);
    else if (r == 0)
        snmp_timeout();
    run_alarms();
    netsnmp_check_outstanding_agent_requests();
    return 0;
}

static int serve(Agent *agent)
{
    (void)sd_notify(false, "READY=1");
    while (!terminated) {
        int r;

        do
            r = sd_bus_process(agent->bus, NULL);
        while (r > 0);
        if (r < 0)
            return log_error_errno(r, "The connection to the bus has ended: %m");
        tell_expiring(agent);
        (void)sd_bus_flush(agent->bus);
        r = wait_and_serve(agent);
        if (r < 0)
            return log_error_errno(r, "Failed to wait: %m");
        (void)sd_notify(false, "WATCHDOG=1");
    }
    (void)sd_notify(false, "STOPPING=1");
    return 0;
}

static int open_state(Agent *agent)
{
    static const LogEvent corrupt = {LOG_STATE_CORRUPT};
    int r;

    agent->state_fd = state_directory_open();
    if (agent->state_fd < 0)
        return log_error_errno(agent->state_fd, "Failed to open the state folder: %m");
    r = pki_told_load_at(&agent->told, agent->state_fd);
    if (r == -EBADMSG)
        log_event(&corrupt, LOG_FIELDS("FILE", PKI_TOLD_FILE),
                  "State file %s is damaged and was moved aside", PKI_TOLD_FILE);
    else if (r < 0)
        return log_error_errno(r, "Failed to read the notices that have been told: %m");
    return 0;
}

static int run(Agent *agent)
{
    static const SandboxPath paths[] = {{"$STATE_DIRECTORY", SANDBOX_READ_WRITE},
                                        {NULL, SANDBOX_READ}};
    static const Sandbox sandbox = {
        .name = "snmp",
        .calls = SANDBOX_CALLS_FILES_WRITE | SANDBOX_CALLS_UNIX_SOCKET | SANDBOX_CALLS_MEMFD,
        .paths = paths,
        .files_max = 64,
    };
    const struct sigaction end = {.sa_handler = on_signal};
    int r;

    (void)sigaction(SIGTERM, &end, NULL);
    (void)sigaction(SIGINT, &end, NULL);
    r = open_state(agent);
    if (r < 0)
        return r;
    r = sd_bus_open_system(&agent->bus);
    if (r < 0)
        return log_error_errno(r, "Failed to connect to the bus: %m");
    if (sd_bus_get_fd(agent->bus) >= FD_SETSIZE)
        return log_error_errno(-EMFILE, "Too many open files were inherited");
    r = pki_mib_init();
    if (r < 0)
        return log_error_errno(r, "Failed to set up the SNMP library: %m");
    prepare_questions(agent);
    r = watch(agent);
    if (r < 0)
        return log_error_errno(r, "Failed to listen to chancery-enrolld: %m");
    r = sandbox_enter(&sandbox);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    return serve(agent);
}

int main(int argc, char *argv[])
{
    Agent agent = {.state_fd = -EBADF};
    int r = service_arguments("snmp", NULL,
                              "Tells the system's SNMP agent about trustpoints and certificates "
                              "(AgentX).",
                              argc, argv);

    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    log_open("snmp");
    r = run(&agent);
    snmp_shutdown("chancery-snmp");
    pki_view_done(&agent.view);
    pki_crls_done(&agent.crls);
    pki_answers_done(&agent.answers);
    pki_told_done(&agent.told);
    if (agent.state_fd >= 0)
        (void)close(agent.state_fd);
    sd_bus_flush_close_unref(agent.bus);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
