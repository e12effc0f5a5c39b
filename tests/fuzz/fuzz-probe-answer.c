/* SPDX-License-Identifier: Apache-2.0 */
/* A line that somebody else wrote, as each kind of answer; and as what the kernel writes. */
#include <stdint.h>

#include "probe-client.h"
#include "probe-maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProbeKind kinds[] = {PROBE_PROCESSES, PROBE_PROGRAMS, PROBE_FILES,
                                      PROBE_INTERFACES};
    _cleanup_free_ char *text = strndup((const char *)data, size);
    FileCapabilities caps;
    uint64_t start;
    char name[64];
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
    (void)file_capabilities_parse(data, size, &caps);
    if (text && process_stat_parse(text, name, &start) >= 0 && strlen(name) >= sizeof name)
        abort();
    return 0;
}
