/* SPDX-License-Identifier: Apache-2.0 */
/* The one table that ties negative errno values to the names that callers see on the bus.
 *
 * Inside a process an error is a negative errno. At the edge of the process errors_register() has
 * told sd-bus about the table, so that sd_bus_error_set_errno() and sd_bus_error_get_errno()
 * convert both ways. A handler that can say more than errno does uses sd_bus_error_setf() with one
 * of the names below and one sentence that says what to do. */
#pragma once

#define ERROR_PREFIX "org.chancery.Error."

#define ERROR_NOT_AUTHORIZED                                                                       \
    ERROR_PREFIX "NotAuthorized" /* EACCES: a task ID is missing; the sentence names it */
#define ERROR_INVALID_ARGUMENT ERROR_PREFIX "InvalidArgument" /* EINVAL */
#define ERROR_INVALID_LABEL ERROR_PREFIX "InvalidLabel" /* EILSEQ: not in the grammar of labels */
#define ERROR_NO_SUCH_OBJECT                                                                       \
    ERROR_PREFIX "NoSuchObject" /* ENOENT: key, trustpoint, session, job ... */
#define ERROR_ALREADY_EXISTS ERROR_PREFIX "AlreadyExists" /* EEXIST */
#define ERROR_BUSY ERROR_PREFIX "Busy" /* EBUSY: another operation on the object is running */
#define ERROR_LIMIT_EXCEEDED ERROR_PREFIX "LimitExceeded" /* EDQUOT: per caller limits */
#define ERROR_TOO_LARGE ERROR_PREFIX "TooLarge"  /* EMSGSIZE: input over its documented size */
#define ERROR_MALFORMED ERROR_PREFIX "Malformed" /* EBADMSG: input that does not parse */
#define ERROR_PURPOSE_REFUSED                                                                      \
    ERROR_PREFIX "PurposeRefused" /* EPERM: the key may not be used for that */
#define ERROR_NOT_CONFIGURED                                                                       \
    ERROR_PREFIX "NotConfigured" /* ENODATA: configuration lacks what is needed */
#define ERROR_NOT_SUPPORTED ERROR_PREFIX "NotSupported" /* EOPNOTSUPP */
#define ERROR_UNREACHABLE                                                                          \
    ERROR_PREFIX "Unreachable" /* EHOSTUNREACH: a server or another daemon did not answer */
#define ERROR_VERIFICATION_FAILED ERROR_PREFIX "VerificationFailed" /* EKEYREJECTED */
#define ERROR_EXPIRED ERROR_PREFIX "Expired"                        /* EKEYEXPIRED */
#define ERROR_CONFLICT                                                                             \
    ERROR_PREFIX "Conflict" /* ESTALE: what was authorised is not what is there now */
#define ERROR_CANCELLED ERROR_PREFIX "Cancelled" /* ECANCELED */
#define ERROR_FAILED ERROR_PREFIX "Failed"       /* EIO and everything without a row */

/* Makes the table known to sd-bus; to be called once, before the first bus call. */
int errors_register(void);

/* The bus name for a negative errno; ERROR_FAILED when the table has no row. Never NULL. */
const char *error_name_from_errno(int error);
