/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment by hand: what is pasted. */
#pragma once

#include "cli.h"

typedef struct CliPaste {
    char *data;
    size_t size;
} CliPaste;
/* What somebody pastes: lines up to a blank one or "quit". Said when nothing comes. */
int cli_paste(Cli *cli, const char *head, CliPaste *ret);
void cli_paste_done(CliPaste *paste);
/* path: the file with the CA certificate, may be NULL. fingerprint: NULL when somebody is to be
 * asked. */
int cli_ca_authenticate_external(Cli *cli, const char *trustpoint, const char *method,
                                 const char *path, const char *fingerprint);
/* Names of trustpoints that begin like what has been typed. */
int cli_ca_complete(Cli *cli, const char *typed, grammar_completion_t callback, void *userdata);
