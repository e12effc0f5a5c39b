/* SPDX-License-Identifier: Apache-2.0 */
/* Who signs: the key and the chain that enrolld names, copied out of its answer. */
#pragma once

#include <systemd/sd-bus.h>

#include "envelope.h"

typedef struct Signer {
    EnvelopeSigner envelope; /* points into what follows */
    char *label;
    sd_bus_message *reply;
} Signer;

/* Asks enrolld. Blocks: for worker threads only. reterr_error says what enrolld said. */
int signer_get(Signer *ret, sd_bus_error *reterr_error);
void signer_done(Signer *s);

/* Can the first certificate sign now? Returns 0, -EKEYEXPIRED after its end, -EKEYREJECTED before
 * its beginning, -EBADMSG when it does not parse. */
int signer_check(const EnvelopeSigner *s, int64_t now);
