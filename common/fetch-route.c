/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch-route.h"

#include <string.h>

#include "cleanup.h"

bool interface_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length >= INTERFACE_NAME_SIZE || streq(name, ".") || streq(name, ".."))
        return false;
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '/' || *p == ':' || *p == ';')
            return false;
    return true;
}
