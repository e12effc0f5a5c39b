/* SPDX-License-Identifier: Apache-2.0 */
/* What sshd -T printed, with lines of the configuration that look at all of it. */
#include <stdint.h>

#include "sshd-effective.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(const char *line, const char *reason, void *userdata)
{
    unsigned *n = userdata;

    return ++*n > 16 ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Services services = {.ssh_rate_limit = 6, .netconf_agent_ssh = true};
    unsigned n = 0;

    services.ssh_vrfs.names[services.ssh_vrfs.n++] = "mgmt";
    services.netconf_vrfs.names[services.netconf_vrfs.n++] = VRF_DEFAULT;
    (void)sshd_effective_check((const char *)data, size, &services, count, &n);
    return 0;
}
