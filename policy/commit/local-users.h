/* SPDX-License-Identifier: Apache-2.0 */
/* Users who have an account of the system's own: lines about it would change nothing. */
#pragma once

#include <json-c/json.h>

#include "accounts.h"

/* Of two sections "aaa": tells the problem of each such line that is new in the second one. What
 * was committed before the system had the account is no reason to refuse something else. */
int local_users_check(const Accounts *accounts, json_object *before, json_object *section,
                      aaa_problem_t problem, void *userdata);
