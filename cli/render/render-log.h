/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <stdio.h>

/* A message of the log, as dossierd gives it. */
void render_log(FILE *f, json_object *message);
