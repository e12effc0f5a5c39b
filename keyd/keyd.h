/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's state, and the functions that put it on the bus. */
#pragma once

#include "channel.h"
#include "grants.h"
#include "job.h"
#include "key-rights.h"
#include "secret-box.h"
#include "server.h"
#include "sign-stream.h"
#include "store.h"
#include "user-keys.h"

typedef struct Keyd {
    Server *server;
    Store *store;
    SecretBox *secrets; /* NULL: none can be sealed or opened */
    Grants *grants;     /* as rights */
    KeyRights *rights;  /* NULL until the configuration is known */
    SignPool *pool;
    Channels *channels;
    SignStreams *streams;
    UserKeys *user_keys;
    int state_fd,
        runtime_fd;       /* of the users' keys; runtime_fd is -1 when there is no such folder */
    bool user_keys_busy;  /* one change at a time */
    int user_keys_unread; /* why what is kept cannot be read: user_keys is empty, and stays so */
} Keyd;

/* keys-bus.c: org.chancery.Keys1 and .Key */
int keys_bus_init(Keyd *k);
int key_path(const Key *key, char **ret);
int key_announce_removed(Keyd *k, const Key *key);
/* At the end of a job: a key that was written becomes what its name stands for. how: "generated".
 */
int key_publish(Keyd *k, Job *job, Key *key, const char *how);
/* What store_claim() says, for the caller. */
int claim_error(int error, const char *algorithm, const char *label, sd_bus_error *reterr_error);
/* signing-bus.c: org.chancery.Keys1.Signing */
int signing_bus_init(Keyd *k);
void signing_bus_answer(sd_bus_message *m, const TypedSign *t, const SignOutcome *outcome);
/* Ends the channels and streams that would not be opened now. */
void signing_bus_check_open(Keyd *k);
/* secrets-bus.c: org.chancery.Keys1.Secrets */
int secrets_bus_init(Keyd *k);
/* user-keys-bus.c: org.chancery.Keys1.UserKeys */
int user_keys_bus_init(Keyd *k);
void user_keys_bus_done(Keyd *k);
/* host-keys.c: makes the keys of the first boot; after user_keys_bus_init(), which opens the
 * folders */
void host_keys_init(Keyd *k);
/* rotation-bus.c: org.chancery.Keys1.Rotation */
int rotation_bus_init(Keyd *k);
/* rights-config.c: the sections "trustpoints" and "grants" */
int rights_config_init(Keyd *k);
/* After a key was replaced or removed, or the configuration changed. */
void rights_changed(Keyd *k);
/* grant-references.c: the files that stand for granted keys, as they have to be now */
void grant_references_update(const Keyd *k);
