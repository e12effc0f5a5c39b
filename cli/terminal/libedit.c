/* SPDX-License-Identifier: Apache-2.0 */
#include "libedit.h"

#include <dlfcn.h>
#include <stddef.h>

#include "cleanup.h"

#define LIBRARY "libedit.so.2"

__typeof__(el_cursor) *sym_el_cursor;
__typeof__(el_deletestr) *sym_el_deletestr;
__typeof__(el_end) *sym_el_end;
__typeof__(el_get) *sym_el_get;
__typeof__(el_gets) *sym_el_gets;
__typeof__(el_init) *sym_el_init;
__typeof__(el_insertstr) *sym_el_insertstr;
__typeof__(el_line) *sym_el_line;
__typeof__(el_resize) *sym_el_resize;
__typeof__(el_set) *sym_el_set;
__typeof__(el_wset) *sym_el_wset;
__typeof__(history) *sym_history;
__typeof__(history_end) *sym_history_end;
__typeof__(history_init) *sym_history_init;

#define SYMBOL(name)                                                                               \
    {                                                                                              \
#name, (void **)&sym_##name                                                                \
    }

const char *libedit_load(void)
{
    static const struct {
        const char *name;
        void **symbol;
    } symbols[] = {SYMBOL(el_cursor),   SYMBOL(el_deletestr), SYMBOL(el_end),       SYMBOL(el_get),
                   SYMBOL(el_gets),     SYMBOL(el_init),      SYMBOL(el_insertstr), SYMBOL(el_line),
                   SYMBOL(el_resize),   SYMBOL(el_set),       SYMBOL(el_wset),      SYMBOL(history),
                   SYMBOL(history_end), SYMBOL(history_init)};
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

    for (size_t i = 0; library && i < ELEMENTSOF(symbols); i++) {
        *symbols[i].symbol = dlsym(library, symbols[i].name);
        if (!*symbols[i].symbol)
            library = NULL;
    }
    return library ? NULL : dlerror();
}
