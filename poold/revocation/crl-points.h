/* SPDX-License-Identifier: Apache-2.0 */
/* Where the CRLs are that a certificate, or another CRL, points at, as URLs that can be fetched. */
#pragma once

#include "openssl-util.h"

#define CRL_POINTS_MAX 8U
#define CRL_POINT_URLS_MAX 4U
#define CRL_URL_MAX 2048U

/* One distribution point: any one of its URLs will do. */
typedef struct CrlPoint {
    char *urls[CRL_POINT_URLS_MAX];
    size_t n;
} CrlPoint;

typedef struct CrlPoints {
    CrlPoint points[CRL_POINTS_MAX];
    size_t n;
} CrlPoints;

/* Of the extension nid (NID_crl_distribution_points or NID_freshest_crl) of one of both, the other
 * one is NULL. query: the LDAP server for names in a directory and URLs without a host; NULL for
 * none. What is not http or ldap is left out: https would have to verify a certificate first. */
int crl_points_read(const X509 *certificate, const X509_CRL *crl, int nid, const char *query,
                    CrlPoints *ret);
/* The CRL in the entry of a CA in the directory; -ENOENT when the URL names no server. The caller
 * owns the URL. */
int crl_points_directory(const X509_NAME *name, const char *query, char **ret);
void crl_points_done(CrlPoints *points);
