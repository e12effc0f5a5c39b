/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, as the router shows them. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct KeyView {
    const char *label, *algorithm, *usage;
    uint32_t size;
    uint64_t created; /* microseconds */
    const uint8_t *data;
    size_t data_size;
    bool exportable;
} KeyView;
void render_key(FILE *f, const KeyView *key);
json_object *render_key_json(const KeyView *key);

typedef struct UserKeyView {
    const char *user;
    uint32_t slot, size;
    uint64_t imported; /* microseconds */
    const uint8_t *data;
    size_t data_size;
} UserKeyView;
void render_user_key(FILE *f, const UserKeyView *key);
json_object *render_user_key_json(const UserKeyView *key);
