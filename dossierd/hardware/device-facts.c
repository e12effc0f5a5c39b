/* SPDX-License-Identifier: Apache-2.0 */
#include "device-facts.h"

#include <stdio.h>
#include <systemd/sd-device.h>

#include "cleanup.h"

static const char *const properties[_DEVICE_FACT_MAX] = {
    [DEVICE_VENDOR_NAME] = "ID_VENDOR_FROM_DATABASE",
    [DEVICE_MODEL_NAME] = "ID_MODEL_FROM_DATABASE",
    [DEVICE_PATH] = "ID_PATH",
};

int device_facts_read(const char *subsystem, const char *name, DeviceFacts *ret)
{
    _cleanup_(sd_device_unrefp) sd_device *device = NULL;
    DeviceFacts facts = {.values = {""}};
    int r = sd_device_new_from_subsystem_sysname(&device, subsystem, name);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTSOF(properties); i++) {
        const char *value;

        r = sd_device_get_property_value(device, properties[i], &value);
        if (r >= 0)
            (void)snprintf(facts.values[i], sizeof facts.values[i], "%s", value);
        else if (r != -ENOENT)
            return r;
    }
    *ret = facts;
    return 0;
}
