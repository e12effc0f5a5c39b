/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends to the SSH agent, after the length. */
#include <stdlib.h>

#include "agent-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AgentRequest request;

    if (agent_request_parse((DerSpan){data, size}, &request) < 0)
        return 0;
    if (request.type == AGENT_SIGN_REQUEST &&
        1 + 4 + request.key.size + 4 + request.data.size + 4 != size)
        abort();
    return 0;
}
