/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "json-util.h"

static int make_entry(const AuthorityReport *report, json_object **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    int r;

    if (!o)
        return -ENOMEM;
    r = json_add(o, "number", json_object_new_uint64(report->number));
    if (r >= 0)
        r = json_add(o, "reason",
                     json_object_new_string(authority_rejection_to_word(report->reason)));
    if (r >= 0 && report->authority)
        r = json_add(o, "subject", json_object_new_string(report->authority->summary.subject));
    if (r >= 0 && report->authority)
        r = json_add(o, "sha256-fingerprint",
                     json_object_new_string(report->authority->summary.sha256_fingerprint));
    if (r < 0)
        return r;
    *ret = TAKE_PTR(o);
    return 0;
}

char *report_rejected(const AuthorityList *list)
{
    _cleanup_json_ json_object *array = json_object_new_array();
    const char *text;

    if (!array)
        return NULL;
    for (size_t i = 0; i < list->n_reports; i++) {
        json_object *entry;

        if (make_entry(&list->reports[i], &entry) < 0)
            return NULL;
        if (json_object_array_add(array, entry) < 0) {
            json_object_put(entry);
            return NULL;
        }
    }
    text = json_object_to_json_string_ext(array,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    return text ? strdup(text) : NULL;
}
