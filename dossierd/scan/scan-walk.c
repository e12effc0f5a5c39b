/* SPDX-License-Identifier: Apache-2.0 */
/* The walk: down the tree in the order of paths, beside the records of the last time. */
#include "scan-internal.h"

#define DEPTH_MAX 512U
/* Names of one folder that are held at a time, in bytes: what is near the root may be large. */
#define NAMES_MAX (512U << 10)
#define NAMES_MAX_DEEP (16U << 10)
#define DEEP 8U
/* Folders of one folder that are asked for at a time; no fewer at once than half of them, for to
 * wake a thread takes as long as to look at many files. */
#define AHEAD_MAX 16U
#define AHEAD_THREADS_MAX 3U

typedef struct Level {
    Listing listing;
    size_t path_size; /* of the folder, without a slash at its end */
    /* Everything in it belongs to the inventory, and everything below. */
    bool is_plain;
    bool had_ahead; /* folders in it were asked for */
} Level;

typedef struct Walk {
    const ScanRequest *request;
    const Mounts *mounts;
    uint64_t root_mount;
    Output *output;
    Ahead *ahead;
    Previous *index, *hint;
    Level *levels;
    size_t depth;
    /* What was below this folder stays: it could not be read now. */
    char *unreadable;
    size_t unreadable_size;
    char target[INVENTORY_TARGET_MAX + 1];
    char path[INVENTORY_PATH_MAX + NAME_MAX + 2];
} Walk;

/* --- The records of the last time ------------------------------------------------------------- */

static bool in_scope(const Walk *w, InventoryText path)
{
    return !w->request->scoped || scan_paths_have(&w->request->scope, path);
}

static bool is_kept_as_it_was(const Walk *w, InventoryText path)
{
    return !in_scope(w, path) || (w->unreadable_size > 0 &&
                                  inventory_path_is_below(path, w->unreadable, w->unreadable_size));
}

/* What comes before path is not there any more. NULL: all that is left. */
static int pass_over(Walk *w, const InventoryText *path)
{
    const InventoryRecord *r;
    int k = 0;

    while (k >= 0 && (r = previous_record(w->index)) &&
           (!path || inventory_path_compare(r->path, *path) < 0)) {
        InventoryRecord gone = *r;

        gone.change =
            is_kept_as_it_was(w, r->path) ? INVENTORY_AS_IT_IS : (uint8_t)INVENTORY_DELETED;
        k = output_put(w->output, &gone);
        if (k >= 0)
            k = previous_next(w->index);
    }
    return k;
}

/* --- One entry -------------------------------------------------------------------------------- */

static void fill_record(const Walk *w, const Look *seen, InventoryText path, InventoryRecord *ret)
{
    *ret = (InventoryRecord){
        .mode = seen->mode,
        .uid = seen->uid,
        .gid = seen->gid,
        .links = seen->links,
        .device = seen->device,
        .special = seen->special,
        .inode = seen->inode,
        .size = seen->size,
        .blocks = seen->blocks,
        .accessed = {seen->accessed, seen->nanoseconds[0]},
        .modified = {seen->modified, seen->nanoseconds[1]},
        .changed = {seen->changed, seen->nanoseconds[2]},
        .created = {seen->created, seen->nanoseconds[3]},
        .path = path,
    };
    if (seen->is_racy && !w->request->no_digests)
        ret->flags |= INVENTORY_RACY;
}

static int put_entry(Walk *w, InventoryRecord *r, const InventoryRecord *base)
{
    r->change = base ? (uint8_t)record_compare(r, base) : (uint8_t)INVENTORY_CREATED;
    return output_put(w->output, r);
}

static void take_digest(InventoryRecord *r, const InventoryRecord *from)
{
    r->algorithm = from->algorithm;
    memcpy(r->digest, from->digest, sizeof r->digest);
}

static int put_file(Walk *w, InventoryRecord *r, const InventoryRecord *base, Folder *folder)
{
    const InventoryRecord *hint;

    if (base && base->algorithm != INVENTORY_NO_DIGEST && record_is_same_file(r, base)) {
        take_digest(r, base);
        return put_entry(w, r, base);
    }
    hint = previous_find(w->hint, r->path);
    if (hint && hint->algorithm != INVENTORY_NO_DIGEST && record_is_same_file(r, hint)) {
        take_digest(r, hint);
        r->change = base ? (uint8_t)record_compare(r, base) : (uint8_t)INVENTORY_CREATED;
        if (base && (base->algorithm != hint->algorithm ||
                     memcmp(base->digest, hint->digest, sizeof base->digest) != 0))
            r->change = INVENTORY_CONTENTS_MODIFIED;
        return output_put(w->output, r);
    }
    return output_put_file(w->output, r, folder, base,
                           base ? record_compare(r, base) : INVENTORY_CREATED);
}

static int put_link(Walk *w, InventoryRecord *r, const InventoryRecord *base, int dirfd,
                    const char *name)
{
    ssize_t n = readlinkat(dirfd, name, w->target, sizeof w->target);

    if (n < 0)
        r->error = (uint16_t)errno;
    else
        r->target = (InventoryText){w->target, (size_t)n < sizeof w->target ? (size_t)n
                                                                            : INVENTORY_TARGET_MAX};
    return put_entry(w, r, base);
}

/* --- Folders ---------------------------------------------------------------------------------- */

static bool is_entered(const Walk *w, const Look *seen)
{
    return !seen->is_automount &&
           (seen->mount == w->root_mount || mounts_enter(w->mounts, seen->mount));
}

static ListingOptions listing_options(size_t depth, bool is_plain)
{
    return (ListingOptions){.names_max = depth < DEEP ? NAMES_MAX : NAMES_MAX_DEEP,
                            .with_looks = is_plain};
}

static void keep_what_was_below(Walk *w, InventoryText path)
{
    free(w->unreadable);
    w->unreadable = strndup(path.data, path.size);
    w->unreadable_size = w->unreadable ? path.size : 0;
}

/* Takes over the listing. */
static void enter(Walk *w, Listing *listing, size_t path_size, bool is_plain)
{
    w->levels[w->depth++] =
        (Level){.listing = *listing, .path_size = path_size, .is_plain = is_plain};
    if (listing->error < 0)
        keep_what_was_below(w, (InventoryText){w->path, path_size});
}

/* Those after the ones that were held. */
static int next_names(Walk *w, Level *level)
{
    const ListingOptions options = listing_options(w->depth - 1, level->is_plain);
    int r = listing_more(&level->listing, &options);

    level->listing.asked = 0;
    return r < 0 ? r : level->listing.error;
}

static void leave(Walk *w)
{
    Level *level = &w->levels[--w->depth];

    if (level->listing.n_ahead > 0)
        ahead_forget(w->ahead, w->depth + 1);
    listing_done(&level->listing);
}

/* Nothing that is listed as to be left out, or to be looked at alone, is below it. */
static bool is_plain(const Walk *w, InventoryText path)
{
    return in_scope(w, path) && !scan_paths_are_above(&w->request->skip_files, path) &&
           !scan_paths_are_above(&w->request->skip_folders, path);
}

static int open_listing(Walk *w, Level *level, const char *name, const Look *seen, bool plain,
                        Listing *ret)
{
    const ListingOptions options = listing_options(w->depth, plain);
    int r = -ENOENT;

    if (level->listing.n_ahead > 0)
        r = ahead_take(w->ahead, level->listing.folder, name, seen, ret);
    if (r != -ENOENT)
        level->listing.n_ahead--;
    /* What was asked for of its listing, if there was one. */
    if (r == -EAGAIN)
        ahead_forget(w->ahead, w->depth + 1);
    return r >= 0 ? 0 : listing_open(folder_fd(level->listing.folder), name, seen, &options, ret);
}

static int put_folder(Walk *w, Level *level, InventoryRecord *r, const InventoryRecord *base,
                      const Look *seen, const char *name)
{
    bool wanted = in_scope(w, r->path) || scan_paths_are_above(&w->request->scope, r->path);
    bool plain = level->is_plain || is_plain(w, r->path);
    Listing listing = {0};
    int k;

    if (!is_entered(w, seen))
        r->flags |= INVENTORY_OTHER_SYSTEM;
    else if (w->depth == DEPTH_MAX || r->path.size + NAME_MAX + 1 > INVENTORY_PATH_MAX)
        r->flags |= INVENTORY_TOO_DEEP;
    else if (wanted) {
        k = open_listing(w, level, name, seen, plain, &listing);
        if (k == -ENOMEM)
            return k;
        if (k < 0) {
            r->error = (uint16_t)-k;
            keep_what_was_below(w, r->path);
        }
    }
    k = put_entry(w, r, base);
    if (k >= 0 && listing.folder)
        enter(w, &listing, r->path.size, plain);
    else
        listing_done(&listing);
    return k;
}

/* --- One name after the other ----------------------------------------------------------------- */

/* Folders in the listing, which is or will be that of the last of so many levels. */
static void ask_in(Walk *w, Listing *l, size_t depth)
{
    if (l->asked < l->names.next)
        l->asked = l->names.next;
    if (l->asked >= l->n_looks || l->n_ahead > AHEAD_MAX / 2 || depth >= DEPTH_MAX ||
        !listing_is_fresh(l))
        return;
    for (; l->asked < l->n_looks && l->n_ahead < AHEAD_MAX; l->asked++) {
        const Look *seen = &l->looks[l->asked];

        if (seen->error != 0 || !S_ISDIR(seen->mode) || !is_entered(w, seen))
            continue;
        if (!ahead_ask(w->ahead, l->folder, l->names.data + l->names.offsets[l->asked], seen,
                       depth))
            break;
        l->n_ahead++;
    }
}

/* The listing that the walk comes to after the last level, if it is there. */
static Listing *next_listing(const Walk *w, size_t *ret_depth)
{
    for (size_t depth = w->depth - 1; depth > 0; depth--) {
        const Listing *l = &w->levels[depth - 1].listing;

        for (size_t i = l->names.next; i < l->asked && i < l->n_looks; i++)
            if (l->looks[i].error == 0 && S_ISDIR(l->looks[i].mode)) {
                *ret_depth = depth + 1;
                return ahead_peek(w->ahead, l->folder, l->names.data + l->names.offsets[i]);
            }
        if (l->names.more)
            return NULL;
    }
    return NULL;
}

/* Folders that come next: in this one, and when these are few, in the one after it, lest the
 * others wait for the walk to come there. */
static void ask_ahead(Walk *w, Level *level)
{
    Listing *l = &level->listing, *next;
    size_t depth;

    ask_in(w, l, w->depth);
    if (!level->had_ahead)
        level->had_ahead = l->n_ahead > 0;
    else if (l->asked >= l->n_looks && l->n_ahead <= AHEAD_MAX / 2 && !l->names.more) {
        next = next_listing(w, &depth);
        if (next)
            ask_in(w, next, depth);
    }
}

static int put_seen(Walk *w, Level *level, const Look *seen, InventoryText path, const char *name)
{
    const InventoryRecord *base = previous_record(w->index);
    InventoryRecord r;
    int k;

    if (base && inventory_path_compare(base->path, path) != 0)
        base = NULL;
    fill_record(w, seen, path, &r);
    if (S_ISDIR(r.mode))
        k = put_folder(w, level, &r, base, seen, name);
    else if (S_ISLNK(r.mode))
        k = put_link(w, &r, base, folder_fd(level->listing.folder), name);
    else if (S_ISREG(r.mode) && !w->request->no_digests)
        k = put_file(w, &r, base, level->listing.folder);
    else
        k = put_entry(w, &r, base);
    if (k >= 0 && base)
        k = previous_next(w->index);
    return k;
}

static bool is_left_out(const Walk *w, InventoryText path)
{
    return scan_paths_have(&w->request->skip_files, path) ||
           scan_paths_have(&w->request->skip_folders, path) ||
           (!in_scope(w, path) && !scan_paths_are_above(&w->request->scope, path));
}

static int visit_next(Walk *w, Level *level)
{
    Listing *l = &level->listing;
    size_t i = l->names.next++, folder_size = level->path_size == 1 ? 0 : level->path_size;
    const char *name = l->names.data + l->names.offsets[i];
    size_t name_size = strlen(name);
    InventoryText path = {w->path, folder_size + 1 + name_size};
    const Look *seen;
    Look now;
    int r;

    w->path[folder_size] = '/';
    memcpy(w->path + folder_size + 1, name, name_size);
    if (!level->is_plain && is_left_out(w, path))
        return 0;
    if (i < l->n_looks && listing_is_fresh(l))
        seen = &l->looks[i];
    else {
        look(folder_fd(l->folder), name, &now);
        seen = &now;
    }
    if (seen->error != 0) {
        if (seen->error != ENOENT)
            keep_what_was_below(w, path);
        return 0;
    }
    r = pass_over(w, &path);
    return r < 0 ? r : put_seen(w, level, seen, path, name);
}

static int visit_root(Walk *w, int root_fd)
{
    InventoryText path = {w->path, 1};
    const InventoryRecord *base = previous_record(w->index);
    bool plain = is_plain(w, path);
    const ListingOptions options = listing_options(0, plain);
    InventoryRecord r;
    Listing listing;
    Look seen;
    int k;

    look(root_fd, "", &seen);
    if (seen.error != 0)
        return -seen.error;
    w->root_mount = seen.mount;
    w->path[0] = '/';
    fill_record(w, &seen, path, &r);
    if (base && inventory_path_compare(base->path, path) != 0)
        base = NULL;
    k = put_entry(w, &r, base);
    if (k >= 0 && base)
        k = previous_next(w->index);
    if (k >= 0)
        k = listing_open(root_fd, ".", &seen, &options, &listing);
    if (k >= 0)
        enter(w, &listing, 1, plain);
    return k;
}

static int walk(Walk *w, int root_fd)
{
    int r = visit_root(w, root_fd);

    while (r >= 0 && w->depth > 0) {
        Level *level = &w->levels[w->depth - 1];
        const Names *names = &level->listing.names;

        ask_ahead(w, level);
        if (names->next < names->n)
            r = visit_next(w, level);
        else if (names->more)
            r = next_names(w, level);
        else
            leave(w);
    }
    return r < 0 ? r : pass_over(w, NULL);
}

static void walk_done(Walk *w)
{
    while (w->depth > 0)
        leave(w);
    ahead_free(w->ahead);
    output_free(w->output);
    previous_free(w->index);
    previous_free(w->hint);
    free(w->levels);
    free(w->unreadable);
}

/* The walk itself is one more. */
static unsigned ahead_threads(const ScanRequest *request)
{
    unsigned n = request->threads > 0 ? request->threads - 1 : 0;

    return n < AHEAD_THREADS_MAX ? n : AHEAD_THREADS_MAX;
}

int scan_run(int root_fd, const ScanRequest *request, const Mounts *mounts, int output)
{
    _cleanup_free_ Walk *w = calloc(1, sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->request = request;
    w->mounts = mounts;
    w->levels = calloc(DEPTH_MAX, sizeof *w->levels);
    r = w->levels ? output_new(output, request->no_digests ? 0 : request->threads, request->rate,
                               &w->output)
                  : -ENOMEM;
    if (r >= 0) {
        r = previous_new(request->index_fd, true, &w->index);
        if (r >= 0)
            r = previous_new(request->hint_fd, false, &w->hint);
        if (r >= 0)
            r = ahead_new(ahead_threads(request), &w->ahead);
        if (r >= 0)
            r = walk(w, root_fd);
        r = output_finish(w->output, r < 0 ? r : 0);
    }
    walk_done(w);
    return r;
}
