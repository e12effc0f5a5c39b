/* SPDX-License-Identifier: Apache-2.0 */
#include "render-log.h"

#include <time.h>

#include "render-fields.h"

static const char *log_text(json_object *o, const char *name, const char *fallback)
{
    json_object *value;

    return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : fallback;
}

/* RP/0/RP0/CPU0:Sep 25 23:25:30.045 UTC: keyd[363]: %GROUP-FACILITY-6-MNEMONIC : text. What has no
 * mnemonic of its own gets the one of its severity, as the router does for its Linux processes. */
void render_log(FILE *f, json_object *message)
{
    static const char *const levels[] = {"EMERG",   "ALERT",  "CRIT", "ERR",
                                         "WARNING", "NOTICE", "INFO", "DEBUG"};
    const char *mnemonic = log_text(message, "mnemonic", NULL);
    char when[32] = "", zone[16] = "";
    json_object *value = NULL;
    int64_t milliseconds;
    unsigned severity;
    time_t seconds;
    struct tm tm;

    (void)json_object_object_get_ex(message, "time", &value);
    milliseconds = (int64_t)(json_object_get_double(value) * 1000);
    seconds = (time_t)(milliseconds / 1000);
    if (localtime_r(&seconds, &tm)) {
        (void)strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
        (void)strftime(zone, sizeof(zone), "%Z", &tm);
    }
    (void)json_object_object_get_ex(message, "severity", &value);
    severity = (unsigned)json_object_get_int(value) & 7;
    fprintf(f, "RP/0/RP0/CPU0:%s.%03d %s: ", when, (int)(milliseconds % 1000), zone);
    render_text(f, log_text(message, "process", "unknown"));
    (void)fputc('[', f);
    render_text(f, log_text(message, "pid", "0"));
    (void)fputs("]: %", f);
    if (mnemonic)
        render_text(f, mnemonic);
    else
        fprintf(f, "OS-SYSLOG-%u-LOG_%s", severity, levels[severity]);
    (void)fputs(" : ", f);
    render_text(f, log_text(message, "text", log_text(message, "text-base64", "")));
    (void)fputc('\n', f);
}
