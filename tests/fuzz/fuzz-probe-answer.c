/* SPDX-License-Identifier: Apache-2.0 */
/* A line that somebody else wrote, as each kind of answer; and as what the kernel writes. */
#include <stdint.h>

#include "probe-client.h"
#include "probe-digests.h"
#include "probe-maps.h"
#include "process-stat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProbeKind kinds[] = {PROBE_PROCESSES, PROBE_PROGRAMS, PROBE_FILES,
                                      PROBE_INTERFACES};
    _cleanup_free_ char *text = strndup((const char *)data, size);
    FileCapabilities caps;
    DigestRecord record;
    size_t at = 0;
    ProcessStat stat;
    MapLine map;

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        _cleanup_json_ json_object *o = NULL;

        if (probe_parse(kinds[i], (const char *)data, size, &o) >= 0 &&
            json_object_object_length(o) < 2)
            abort();
    }
    if (map_line_parse((const char *)data, size, &map) >= 0 &&
        path_without_deleted(map.path, map.path_size) > map.path_size)
        abort();
    while (digest_record_next(data, size, &at, &record) > 0)
        if (record.path_size == 0 || record.path + record.path_size > (const char *)data + size)
            abort();
    (void)file_capabilities_parse(data, size, &caps);
    if (text && process_stat_parse(text, &stat) >= 0 && strlen(stat.name) >= sizeof stat.name)
        abort();
    return 0;
}
