/* SPDX-License-Identifier: Apache-2.0 */
/* The dossier: one JSON object that says what this system is, as far as it can be read
 * (dossier.schema.json). */
#pragma once

#include "collect.h"

#define DOSSIER_MODEL_NAME "urn:chancery:dossier"
#define PACKAGES_SELECTOR "packages"
#define FILESYSTEM_SELECTOR "filesystem-inventory"
#define DOSSIER_MODEL_REVISION "2026-11-22"
/* The first bytes of each. */
#define DOSSIER_START_TIME "collection-start-time"
#define DOSSIER_BEGIN "{\"" DOSSIER_START_TIME "\":"

typedef struct Selector {
    const char *name;
    const char *task;
    const char *description;
    unsigned timeout_seconds;
    unsigned timeout_verify_seconds; /* if files are verified; 0: the same */
    void (*collect)(Collect *c);
} Selector;

/* In the order in which they stand in a dossier; ends with a NULL name. */
extern const Selector selectors[];

/* The bit of a selector in a set, 0 when there is none of that name. */
uint32_t selector_bit(const char *name);
/* Those of a dossier for which none is named: all but what may be very large. */
uint32_t selectors_default(void);

typedef struct DossierRequest {
    uint32_t selectors; /* set of bits */
    const char *nonce;  /* NULL for none */
    int root_fd;
    int snapshots_fd;                 /* -1 for none */
    const struct FilesOptions *files; /* NULL for none */
    const struct NodeRequest *nodes;  /* others that are asked */
    size_t n_nodes;
    bool verify_packages;
    uint64_t rate; /* bytes a second, of what reads all files; 0 for no limit */
    const CollectHost *host;
    /* Told before each selector; may be NULL. */
    void (*progress)(void *userdata, unsigned percent, const char *selector);
} DossierRequest;

/* Writes the whole document to fd. Returns 0, -ECANCELED, or the error of writing; what a collector
 * could not read is no error but is said in the document. */
int dossier_write(const DossierRequest *request, int fd);

/* collect-nodes.c: the member "nodes". They are asked from the beginning, beside all else, and
 * written when everything else has been. */
typedef struct NodesRun NodesRun;
int nodes_begin(const DossierRequest *request, NodesRun **ret);
int nodes_write(NodesRun *run, JsonWriter *w);
/* Ends what is still being asked. */
NodesRun *nodes_free(NodesRun *run);
DEFINE_TRIVIAL_CLEANUP_FUNC(NodesRun *, nodes_free);

/* dossier-platform.c: the parts that are in every dossier. */
void dossier_write_platform(JsonWriter *w, int root_fd);
/* The value of one line of os-release(5), without its quotes. */
bool read_os_release(int root_fd, const char *key, char *buffer, size_t size);
