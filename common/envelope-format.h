/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a signed envelope's protected header on which its maker (dossierd), its signer
 * (keyd) and its reader (chancery-verify) have to agree. */
#pragma once

#define ENVELOPE_TYPE "chancery-envelope+json"
/* The header's cty of a dossier that the device itself has collected. */
#define ENVELOPE_CONTENT_DOSSIER "chancery-dossier+json"
