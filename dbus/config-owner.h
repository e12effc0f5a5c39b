/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's half of a configuration commit (org.chancery.ConfigOwner1): gets the last committed
 * section at start, checks candidates, applies what was committed. */
#pragma once

#include <json-c/json.h>

#include "cleanup.h"
#include "server.h"

/* Collects the reasons for which a candidate is refused. */
typedef struct ConfigProblems ConfigProblems;
int config_problem(ConfigProblems *problems, const char *line, const char *format, ...)
    _printf_(3, 4);

/* Collects what is accepted, and said to be better otherwise: line as it is entered from the top.
 */
int config_warning(ConfigProblems *problems, const char *line, const char *format, ...)
    _printf_(3, 4);

/* Not everything can be answered at once: what check() has said this about stays, and is to be
 * answered when others have been asked. Answering takes it over; r < 0: it could not be checked. */
void config_problems_later(ConfigProblems *problems);
void config_problems_answer(ConfigProblems *problems, int r);

/* apply() may keep policyd waiting until the section is in effect: what this returns is to be
 * answered, or freed. NULL when nobody waits, or when out of memory: then policyd is answered when
 * apply() returns. */
typedef struct ConfigApplied ConfigApplied;
ConfigApplied *config_applied_later(Server *server);
void config_applied_answer(ConfigApplied *applied);
ConfigApplied *config_applied_free(ConfigApplied *applied);

typedef struct ConfigSection {
    const char *name; /* SECTION_TRUSTPOINTS */
    /* Would this be accepted? Adds problems; changes nothing. NULL accepts everything. */
    int (*check)(void *userdata, json_object *section, ConfigProblems *problems);
    /* Makes it effective, replacing what was. Must not fail for what check() accepted; what it
     * cannot do it logs. */
    int (*apply)(void *userdata, uint64_t commit, json_object *section);
} ConfigSection;

/* Registers org.chancery.ConfigOwner1 at the root object. sections ends with a NULL name and must
 * stay. To be called in the start function. */
int config_owner_init(Server *server, const ConfigSection *sections, void *userdata);

/* Asks policyd for all sections, asynchronously, and applies them. To be called in the ready
 * function. Until the answer is there, the daemon works with the empty section; if policyd is away
 * it is asked again with growing pauses. */
int config_owner_fetch(Server *server);
