/* SPDX-License-Identifier: Apache-2.0 */
/* The note that a service has yet to read its file: it is there until the service has read what is
 * in the file now. systemd is played here. */
#include "scratch-folder.h"

#include "hostd.h"

#define NOTE "sshd.unread"
#define JOBS_MAX 8U

/* --- What is around it ------------------------------------------------------------------------ */

static struct {
    unit_done_t done;
    void *userdata;
} jobs[JOBS_MAX];
static size_t n_jobs;
static unsigned answered;

int unit_job(UnitJobs *all, const char *method, const char *unit, unit_done_t done, void *userdata)
{
    assert_true(n_jobs < JOBS_MAX);
    jobs[n_jobs].done = done;
    jobs[n_jobs++].userdata = userdata;
    return 0;
}

ConfigApplied *config_applied_later(Server *server)
{
    return (ConfigApplied *)&answered;
}

void config_applied_answer(ConfigApplied *applied)
{
    answered++;
}

sd_bus *server_bus(Server *server)
{
    return NULL;
}

int server_add_object(Server *server, const char *path, const BusInterface *interface,
                      void *userdata)
{
    return 0;
}

/* --- Tests ------------------------------------------------------------------------------------ */

static Hostd hostd;

static int set_up(void **state)
{
    (void)folder_setup(state);
    hostd = (Hostd){.state_fd = ((const Folder *)*state)->fd, .runtime_fd = -EBADF};
    n_jobs = 0;
    answered = 0;
    return 0;
}

static void apply(unsigned limit)
{
    assert_int_equal(apply_services(&hostd, &(const Services){.ssh_rate_limit = limit}), 0);
}

static bool is_noted(void)
{
    return faccessat(hostd.state_fd, NOTE, F_OK, 0) >= 0;
}

static void end(size_t job, const char *reason)
{
    assert_true(job < n_jobs);
    jobs[job].done(reason, jobs[job].userdata);
}

static void test_read(void **state)
{
    apply(100);
    assert_int_equal(n_jobs, 1);
    assert_true(is_noted());
    end(0, "it failed");
    assert_true(is_noted());
    assert_int_equal(answered, 1);
    apply(100);
    end(1, NULL);
    assert_false(is_noted());
    apply(100);
    assert_int_equal(n_jobs, 2);
    assert_int_equal(answered, 2);
}

/* A restart asks for what is committed, and then a commit comes: what is read first is what was
 * there first. */
static void test_changed_meanwhile(void **state)
{
    apply(100);
    apply(101);
    assert_int_equal(n_jobs, 2);
    end(0, NULL);
    assert_true(is_noted());
    end(1, "it failed");
    assert_true(is_noted());
    assert_int_equal(answered, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, set_up, folder_teardown),
        cmocka_unit_test_setup_teardown(test_changed_meanwhile, set_up, folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
