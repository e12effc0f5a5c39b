/* SPDX-License-Identifier: Apache-2.0 */
/* What udev has noted of a device in its database, beyond what the kernel says: names for the
 * numbers of vendor and model, and the place that it is plugged in. */
#pragma once

#define DEVICE_FACT_SIZE 256U

typedef enum DeviceFact {
    DEVICE_VENDOR_NAME,
    DEVICE_MODEL_NAME,
    DEVICE_PATH,
    _DEVICE_FACT_MAX,
} DeviceFact;

typedef struct DeviceFacts {
    char values[_DEVICE_FACT_MAX][DEVICE_FACT_SIZE]; /* "" when it is not known */
} DeviceFacts;

/* By sd-device(3). What is longer is cut off. Returns a negative errno when there is no such
 * device, or the database cannot be read. */
int device_facts_read(const char *subsystem, const char *name, DeviceFacts *ret);
