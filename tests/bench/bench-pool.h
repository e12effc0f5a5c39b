/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Microseconds. */
double bench_now(void);
/* Ends the program when r is a negative errno. */
void bench_check(int r, const char *what);

/* Over the bus; each prints one number: the microseconds of an import, with its download or
 * without, those of a look-up, and the verifications per second. */
int bench_import(const char *url);
int bench_import_data(const void *data, size_t size);
int bench_list(const char *fingerprint, unsigned rounds);
/* Of a method that needs the same task as a look-up, and has nothing to do. */
int bench_nothing(unsigned rounds);
int bench_bus_verify(const void *data, size_t size, double seconds, bool known);
