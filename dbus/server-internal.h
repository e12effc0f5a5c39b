/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the server frame; no daemon includes this. */
#pragma once

#include "server.h"

typedef struct Registration {
    const BusInterface *interface;
    struct Registration *next;
} Registration;

struct Server {
    const ServerDescription *description;
    sd_event *event;
    sd_bus *bus;
    void *userdata;
    Registration *interfaces;
    struct AuthorizationQuery *queries;
    struct KnownGrants *grants;
    sd_event_source *query_sweep;
    struct JobManager *jobs;
    struct ConfigOwner *config_owner;
    struct TransferManager *transfers;
};

typedef struct TransferManager TransferManager;

/* sender.c. The daemons' users are looked up before the sandbox closes. */
void senders_init(void);

/* authorize.c */
int authorize_init(Server *server);
void authorize_done(Server *server);

/* job.c, config-owner.c, transfer.c */
void jobs_done(Server *server);
void transfers_done(Server *server);
void config_owner_done(Server *server);
/* options.c */
int log_control_init(Server *server);
