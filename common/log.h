/* SPDX-License-Identifier: Apache-2.0 */
/* Structured journal messages. Library code does not log; whoever decides what an error means does,
 * once. No function here takes a message body, a key or a password, and none ever will.
 *
 * Events that an operator or a collector may wait for have a message ID (a 128-bit constant, listed
 * in log-ids.h) and a router-style mnemonic %GROUP-FACILITY-SEVERITY-MNEMONIC. */
#pragma once

#include <syslog.h>

#include <stdbool.h>
#include "cleanup.h"
#include "log-ids.h"

/* name: the daemon, e.g. "keyd". Levels above max_level are dropped; see log_set_max_level(). */
void log_open(const char *name);
void log_set_max_level(int level);
int log_get_max_level(void);

void log_full(int level, const char *format, ...) _printf_(2, 3);
/* Returns -abs(error), so that "return log_error_errno(r, ...)" works; %m is the error's text. */
int log_full_errno(int level, int error, const char *format, ...) _printf_(3, 4);

#define log_debug(...) log_full(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, __VA_ARGS__)
#define log_warning_errno(e, ...) log_full_errno(LOG_WARNING, e, __VA_ARGS__)
#define log_error_errno(e, ...) log_full_errno(LOG_ERR, e, __VA_ARGS__)

/* An event with an identity: "%SECURITY-CEPKI-6-KEY_GENERATED : text". fields is a NULL-terminated
 * list of alternating names and values that become journal fields CHANCERY_<NAME>=value. */
typedef struct LogEvent {
    const char *message_id; /* 32 hex digits */
    const char *mnemonic;   /* e.g. "SECURITY-CEPKI-6-KEY_GENERATED" */
    int level;
} LogEvent;

void log_event(const LogEvent *event, const char *const *fields, const char *format, ...)
    _printf_(3, 4);
#define LOG_FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})
