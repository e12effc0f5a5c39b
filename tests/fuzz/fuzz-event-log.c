/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "event-log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EventLog log;
    EventLogEvent event;

    event_log_init(&log, data, size);
    while (event_log_next(&log, &event) > 0) {
        if (event.data < data || event.size > size - (size_t)(event.data - data))
            abort();
        for (size_t i = 0; i < event.n_digests; i++)
            if (event.digests[i].data < data ||
                event.digests[i].size > size - (size_t)(event.digests[i].data - data))
                abort();
    }
    return 0;
}
