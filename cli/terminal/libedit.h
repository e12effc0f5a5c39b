/* SPDX-License-Identifier: Apache-2.0 */
/* libedit, which is loaded when somebody sits at a terminal: a shell that runs one command starts
 * without it and what it needs. The functions have the library's names behind "sym_". */
#pragma once

#include <histedit.h>

extern __typeof__(el_cursor) *sym_el_cursor;
extern __typeof__(el_deletestr) *sym_el_deletestr;
extern __typeof__(el_end) *sym_el_end;
extern __typeof__(el_get) *sym_el_get;
extern __typeof__(el_gets) *sym_el_gets;
extern __typeof__(el_init) *sym_el_init;
extern __typeof__(el_insertstr) *sym_el_insertstr;
extern __typeof__(el_line) *sym_el_line;
extern __typeof__(el_resize) *sym_el_resize;
extern __typeof__(el_set) *sym_el_set;
extern __typeof__(el_wset) *sym_el_wset;
extern __typeof__(history) *sym_history;
extern __typeof__(history_end) *sym_history_end;
extern __typeof__(history_init) *sym_history_init;

/* Once, before any of them. Returns NULL, or why it cannot be loaded. */
const char *libedit_load(void);
