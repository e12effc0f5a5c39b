/* SPDX-License-Identifier: Apache-2.0 */
/* The boots that wtmpdb keeps, where it has taken the place of /var/log/wtmp. */
#pragma once

#include "collect.h"

#define WTMP_RECORDS_MAX 100000U

/* Writes "records", when there is a database. Without one it is -ENOENT. reason is written unless
 * that is a success; -EOVERFLOW: there are more records than are written. */
int wtmpdb_write_records(Collect *c, char reason[static COLLECT_REASON_SIZE]);
