/* SPDX-License-Identifier: Apache-2.0 */
/* p11-kit's own form of a trust source (pkcs11-trust of Mozilla's list, as distributions that keep
 * its attributes publish it): CA certificates with the date from which on what they issue is not
 * believed any more. PEM, and with it Debian's ca-certificates, has no room for that date. */
#pragma once

#include "authority.h"
#include "der.h"

/* Adds the trusted objects of the text, and dates those that are there already. What cannot be
 * understood is counted and left out. Returns 0, -ENOMEM, or -EBADMSG for another form of file. */
int trust_source_parse(DerSpan text, const AuthorityRules *rules, AuthorityList *list);
