/* SPDX-License-Identifier: Apache-2.0 */
/* What every collector works with: where to read, where to write, how long, and how it went.
 *
 * A collector reads below root_fd (the real root, or a tree made by a test), writes the members of
 * its own object, and says through the functions below what it could not read and why. Nothing is
 * made up: a fact is there, or its reason is. */
#pragma once

#include "json-util.h"
#include "probe-client.h"

typedef enum ResultCode {
    RESULT_SUCCESS,
    RESULT_PARTIAL,
    RESULT_NOT_AVAILABLE,
    RESULT_FAILED,
    RESULT_TIMEOUT,
} ResultCode;

/* "Success", "Partial", "Not available", "Failed", "Timeout" */
const char *result_code_to_string(ResultCode code);

struct DeviceFacts;

/* Who runs the collectors: a job, or a test. Every function may be NULL, and is called by several
 * threads at once. */
typedef struct CollectHost {
    bool (*is_cancelled)(void *userdata);
    /* How long, in all, the collectors had to wait for the reader of what they write: that is not
     * their time. */
    uint64_t (*stalled_usec)(void *userdata);
    /* A stream to who asks the TPM (quote-client.h). */
    int (*connect_tpm)(void *userdata);
    /* To who looks at what only a privilege shows. */
    int (*connect_probe)(void *userdata, ProbeKind kind);
    /* A stream to who asks another node (node-client.h). */
    int (*connect_node)(void *userdata, bool is_container);
    /* As device_facts_read(). */
    int (*read_device)(void *userdata, const char *subsystem, const char *name,
                       struct DeviceFacts *ret);
    /* A file without a name, for what does not fit into memory. */
    int (*open_scratch)(void *userdata);
    void *userdata;
} CollectHost;

#define COLLECT_REASON_SIZE 256U

typedef struct Collect {
    JsonWriter *writer;
    int root_fd;
    const CollectHost *host;
    const char *nonce;                /* the collector's; NULL when none was given */
    int snapshots_fd;                 /* folder of the filesystem inventory (snapshot-store.h) */
    const struct FilesOptions *files; /* which of it; NULL for all */
    bool verify_packages;             /* their files against the digests */
    uint64_t rate;                    /* of reading for that, bytes a second; 0 for no limit */
    uint64_t deadline_usec;           /* CLOCK_MONOTONIC, without the time that the reader took */
    unsigned n_good, n_bad;           /* facts so far */
    bool is_fixed;                    /* result was set by collect_result() */
    ResultCode result;
    char reason[COLLECT_REASON_SIZE];
} Collect;

/* What its reason is then, if nobody has given another one. */
#define COLLECT_TOO_LONG "Collecting took too long; what was read until then is here"

/* Has time run out, or was the job cancelled? The collector closes what it has open and returns. */
bool collect_should_stop(Collect *c);

/* The outcome as a whole; the first one that is not RESULT_SUCCESS stays. */
void collect_result(Collect *c, ResultCode code, const char *format, ...) _printf_(3, 4);
void collect_result_errno(Collect *c, int error, const char *what);

/* After the collector has returned: the outcome, from collect_result() or else from what its facts
 * said. */
ResultCode collect_outcome(Collect *c);

/* ENOENT and the like mean that the machine has no such thing, everything else that reading
 * failed. */
ResultCode result_code_from_errno(int error);

/* --- Reading ---------------------------------------------------------------------------------- */

/* Reads at most size - 1 bytes of a regular file (path relative, last component no symlink), puts a
 * zero byte after them and strips one newline at the end. Returns the length, -EFBIG when the file
 * is larger, or another negative errno. */
#define COLLECT_VALUE_SIZE 4096U
int collect_read(int dirfd, const char *path, char *buffer, size_t size);
/* Same, the whole file on the heap, nothing stripped. */
int collect_read_all(int dirfd, const char *path, size_t max, void **ret_data, size_t *ret_size);
int collect_read_uint64(int dirfd, const char *path, unsigned base, uint64_t *ret);
/* Opens a regular file for reading as a stream. */
int collect_open(int dirfd, const char *path, FILE **ret);
/* Last component of where a symlink points. */
int collect_read_link_name(int dirfd, const char *path, char *buffer, size_t size);

/* The names in a folder, without those that start with a dot, sorted with numbers in numeric order
 * (eth2 before eth10). -E2BIG beyond max. To be released with name_list_free(). */
typedef struct NameList {
    char **names;
    size_t n;
} NameList;
int collect_list(int dirfd, const char *path, size_t max, NameList *ret);
void name_list_free(NameList *l);

/* One line of at most size - 1 bytes without its newline and with a zero byte after it; bytes
 * beyond that are skipped and *ret_truncated set. Zero bytes inside are kept. Returns 1, 0 at the
 * end of the file, or a negative errno. */
int read_line_bytes(FILE *f, char *buffer, size_t size, size_t *ret_length, bool *ret_truncated);

/* --- Objects of an inventory: the members that are there, and the list "unavailable" ---------- */

#define OBJECT_MISSING_MAX 32U

typedef struct Object {
    Collect *collect;
    struct {
        const char *id;
        int error;
    } missing[OBJECT_MISSING_MAX];
    unsigned n_missing;
} Object;

void object_begin(Object *o, Collect *c, const char *name);
/* A member from the text of one file. ENOENT of an optional one is silent: such devices have no
 * such attribute. */
void object_file(Object *o, const char *id, int dirfd, const char *path);
void object_file_optional(Object *o, const char *id, int dirfd, const char *path);
void object_file_uint64(Object *o, const char *id, int dirfd, const char *path);
void object_link_optional(Object *o, const char *id, int dirfd, const char *path);
/* id must be a static string; error a negative errno. */
void object_missing(Object *o, const char *id, int error);
void object_end(Object *o);

/* --- Facts of a snapshot: {"id": ..., "value": ..., "result-code": ..., "reason": ...} -------- */

void fact_begin(Collect *c, const char *id);
void fact_end(Collect *c, ResultCode code, const char *format, ...) _printf_(3, 4);
/* Failure from a negative errno; what may be NULL. */
void fact_end_errno(Collect *c, int error, const char *what);
/* A whole fact whose value is the text of one file. */
void fact_file(Collect *c, const char *id, const char *path);

/* --- The collectors --------------------------------------------------------------------------- */

void collect_packages(Collect *c);
void collect_reboots(Collect *c);
void collect_rollbacks(Collect *c);
void collect_integrity(Collect *c);
void collect_inventory(Collect *c);
void collect_filesystem(Collect *c);
