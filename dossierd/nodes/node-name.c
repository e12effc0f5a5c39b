/* SPDX-License-Identifier: Apache-2.0 */
#include "node-name.h"

#include <ctype.h>
#include <string.h>

bool node_name_is_valid(const char *name)
{
    size_t size = strlen(name);

    if (size >= NODE_NAME_SIZE || !isalnum((unsigned char)name[0]) || strcmp(name, NODE_ALL) == 0)
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("/._-", *name))
            return false;
    return true;
}
