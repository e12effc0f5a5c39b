/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.TrustPool1.List: of a few certificates at once, of many from a worker, which leaves
 * the main loop to others. */
#include <fcntl.h>

#include "log.h"
#include "memfd.h"
#include "org.chancery.TrustPool1.h"
#include "poold.h"
#include "transfer.h"

/* A pool of that size is looked through, and an answer of that size written, in no time. */
#define FEW 500U
/* More are made by the main loop, one after the other. */
#define LISTINGS_MAX 16U
/* So many digits of a fingerprint leave one, or nothing. */
#define DIGITS_MIN 8U

typedef struct Listing {
    Poold *poold;
    sd_bus_message *m;
    Pool *pool;
    char *subject, *fingerprint;
    int fd;
} Listing;

static int list_to_memfd(const Pool *pool, const PoolFilter *filter)
{
    _cleanup_(json_writer_freep) JsonWriter *w = NULL;
    _cleanup_close_ int fd = memfd_new("trustpool");
    int r, e;

    if (fd < 0)
        return fd;
    w = json_writer_new(fd);
    if (!w)
        return -ENOMEM;
    r = pool_write_list(pool, filter, w);
    e = json_writer_finish(w);
    if (r < 0 || e < 0)
        return r < 0 ? r : e;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    r = memfd_seal(fd);
    return r < 0 ? r : TAKE_FD(fd);
}

/* --- By a worker ------------------------------------------------------------------------------ */

static void listing_free(void *userdata)
{
    Listing *listing = userdata;

    sd_bus_message_unref(listing->m);
    pool_free(listing->pool);
    free(listing->subject);
    free(listing->fingerprint);
    closep(&listing->fd);
    free(listing);
}

static int listing_run(Job *job, void *userdata)
{
    Listing *listing = userdata;

    listing->fd = list_to_memfd(listing->pool, &(PoolFilter){.subject = listing->subject,
                                                             .fingerprint = listing->fingerprint});
    return listing->fd < 0 ? listing->fd : 0;
}

static int listing_done(Job *job, void *userdata, int r)
{
    const Listing *listing = userdata;

    listing->poold->listings--;
    if (r >= 0)
        r = bus_reply_descriptor(listing->m, listing->fd);
    else
        r = sd_bus_reply_method_errno(listing->m, r, NULL);
    if (r < 0)
        log_warning_errno(r, "A list cannot be handed over, ignoring: %m");
    return 0;
}

static int copy_filter(const PoolFilter *filter, Listing *listing)
{
    listing->subject = filter->subject ? strdup(filter->subject) : NULL;
    listing->fingerprint = filter->fingerprint ? strdup(filter->fingerprint) : NULL;
    return (filter->subject && !listing->subject) || (filter->fingerprint && !listing->fingerprint)
               ? -ENOMEM
               : 0;
}

static int start_listing(Poold *poold, sd_bus_message *m, const PoolFilter *filter)
{
    JobWork work = {
        .kind = "list", .run = listing_run, .done = listing_done, .free_data = listing_free};
    Listing *listing = calloc(1, sizeof *listing);
    int r;

    if (!listing)
        return -ENOMEM;
    *listing = (Listing){
        .poold = poold, .m = sd_bus_message_ref(m), .pool = pool_ref(poold->pool), .fd = -EBADF};
    r = copy_filter(filter, listing);
    if (r < 0) {
        listing_free(listing);
        return r;
    }
    work.data = listing;
    r = job_start_internal(poold->server, &work);
    if (r < 0)
        return r;
    poold->listings++;
    return 1;
}

/* --- In the main loop ------------------------------------------------------------------------- */

static bool is_quick(const Poold *poold, const PoolFilter *filter)
{
    return pool_built_in(poold->pool) + pool_downloaded(poold->pool) <= FEW ||
           (filter->fingerprint && strlen(filter->fingerprint) >= DIGITS_MIN) ||
           poold->listings >= LISTINGS_MAX;
}

int trust_pool1_method_list(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    PoolFilter filter = {0};
    const BusOption options[] = {{"subject", 's', &filter.subject, NULL},
                                 {"fingerprint", 's', &filter.fingerprint, NULL}};
    _cleanup_close_ int fd = -EBADF;
    Poold *poold = userdata;
    int r;

    r = bus_read_options(m, options, ELEMENTSOF(options), reterr_error);
    if (r < 0)
        return r;
    if (!is_quick(poold, &filter))
        return start_listing(poold, m, &filter);
    fd = list_to_memfd(poold->pool, &filter);
    return fd < 0 ? fd : bus_reply_descriptor(m, fd);
}
