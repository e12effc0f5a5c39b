/* SPDX-License-Identifier: Apache-2.0 */
/* The table of errors.h. */
#include "errors.h"

#include <errno.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

static const sd_bus_error_map error_map[] = {
    SD_BUS_ERROR_MAP(ERROR_NOT_AUTHORIZED, EACCES),
    SD_BUS_ERROR_MAP(ERROR_INVALID_ARGUMENT, EINVAL),
    SD_BUS_ERROR_MAP(ERROR_INVALID_LABEL, EILSEQ),
    SD_BUS_ERROR_MAP(ERROR_NO_SUCH_OBJECT, ENOENT),
    SD_BUS_ERROR_MAP(ERROR_ALREADY_EXISTS, EEXIST),
    SD_BUS_ERROR_MAP(ERROR_BUSY, EBUSY),
    SD_BUS_ERROR_MAP(ERROR_LIMIT_EXCEEDED, EDQUOT),
    SD_BUS_ERROR_MAP(ERROR_TOO_LARGE, EMSGSIZE),
    SD_BUS_ERROR_MAP(ERROR_MALFORMED, EBADMSG),
    SD_BUS_ERROR_MAP(ERROR_PURPOSE_REFUSED, EPERM),
    SD_BUS_ERROR_MAP(ERROR_NOT_CONFIGURED, ENODATA),
    SD_BUS_ERROR_MAP(ERROR_NOT_SUPPORTED, EOPNOTSUPP),
    SD_BUS_ERROR_MAP(ERROR_UNREACHABLE, EHOSTUNREACH),
    SD_BUS_ERROR_MAP(ERROR_UNREACHABLE, EREMOTEIO), /* there, and of no use */
    SD_BUS_ERROR_MAP(ERROR_VERIFICATION_FAILED, EKEYREJECTED),
    SD_BUS_ERROR_MAP(ERROR_EXPIRED, EKEYEXPIRED),
    SD_BUS_ERROR_MAP(ERROR_CONFLICT, ESTALE),
    SD_BUS_ERROR_MAP(ERROR_CANCELLED, ECANCELED),
    SD_BUS_ERROR_MAP(ERROR_FAILED, EIO),
    SD_BUS_ERROR_MAP_END,
};

int errors_register(void)
{
    return sd_bus_error_add_map(error_map);
}

const char *error_name_from_errno(int error)
{
    if (error < 0)
        error = -error;
    for (size_t i = 0; i + 1 < ELEMENTSOF(error_map); i++)
        if (error_map[i].code == error)
            return error_map[i].name;
    return ERROR_FAILED;
}
