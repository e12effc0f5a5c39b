/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define CLEAR_SIZE_MAX 512U

struct SecretJob {
    pthread_t thread;
    int fd; /* readable when the thread is done */
    sd_event_source *source;
    secret_done_t done;
    void *userdata;
    bool forgotten;
    char clear[CLEAR_SIZE_MAX];
    int r;
    struct crypt_data data; /* the thread's */
};

static void job_free(SecretJob *job)
{
    if (job->source)
        sd_event_source_disable_unref(job->source);
    closep(&job->fd);
    explicit_bzero(job, sizeof(*job));
    free(job);
}

static int hash(SecretJob *job)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *made;

    if (!crypt_gensalt_rn(NULL, 0, NULL, 0, setting, sizeof(setting)))
        return -errno;
    made = crypt_r(job->clear, setting, &job->data);
    return !made ? -errno : made[0] == '*' ? -EINVAL : 0;
}

static void *run(void *userdata)
{
    SecretJob *job = userdata;

    job->r = hash(job);
    explicit_bzero(job->clear, sizeof(job->clear));
    (void)eventfd_write(job->fd, 1);
    return NULL;
}

static int on_done(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    SecretJob *job = userdata;

    (void)pthread_join(job->thread, NULL);
    if (!job->forgotten)
        job->done(job->r, job->data.output, job->userdata);
    job_free(job);
    return 0;
}

int secret_hash(sd_event *event, const char *clear, secret_done_t done, void *userdata,
                SecretJob **ret)
{
    SecretJob *job;
    int r;

    if (strlen(clear) >= CLEAR_SIZE_MAX)
        return -EMSGSIZE;
    job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->done = done;
    job->userdata = userdata;
    memcpy(job->clear, clear, strlen(clear));
    job->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = job->fd < 0 ? -errno : sd_event_add_io(event, &job->source, job->fd, EPOLLIN, on_done, job);
    if (r >= 0)
        r = -pthread_create(&job->thread, NULL, run, job);
    if (r < 0) {
        job_free(job);
        return r;
    }
    *ret = job;
    return 0;
}

void secret_forget(SecretJob *job)
{
    if (job)
        job->forgotten = true;
}

/* Only methods that are still thought to be good: what /etc/shadow may have from long ago is not.
 */
const char *secret_refuse_hash(const char *text)
{
    static const char characters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./$,=";
    static const char *const methods[] = {"$y$", "$gy$", "$7$", "$2b$", "$2y$", "$6$"};
    const char *last = strrchr(text, '$');
    size_t method = 0;

    for (size_t i = 0; i < ELEMENTSOF(methods); i++)
        if (strncmp(text, methods[i], strlen(methods[i])) == 0)
            method = strlen(methods[i]);
    if (method == 0)
        return "This is no hash of yescrypt, scrypt, bcrypt or SHA-512, as crypt(5) describes them";
    /* Something stands for the salt, and something for the hash. */
    if (text[strspn(text, characters)] || strlen(text) >= CRYPT_OUTPUT_SIZE ||
        (size_t)(last - text) < method || !last[1] || crypt_checksalt(text) != CRYPT_SALT_OK)
        return "The hash is not whole";
    return NULL;
}

/* As base64url; what is in it only keyd can tell. */
const char *secret_refuse_sealed(const char *text)
{
    static const char characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    return text[strspn(text, characters)]
               ? "This is no sealed password: enter it in clear, with 'clear' in front"
               : NULL;
}
