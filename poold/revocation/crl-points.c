/* SPDX-License-Identifier: Apache-2.0 */
#include "crl-points.h"

#include <ctype.h>
#include <strings.h>

#include "fetch-url.h"

#define LDAP "ldap://"
#define CRL_ATTRIBUTE "certificateRevocationList;binary"
#define DELTA_ATTRIBUTE "deltaRevocationList;binary"

void crl_points_done(CrlPoints *points)
{
    for (size_t i = 0; i < points->n; i++)
        for (size_t k = 0; k < points->points[i].n; k++)
            free(points->points[i].urls[k]);
    *points = (CrlPoints){0};
}

static bool is_ldap(const char *url)
{
    return strncasecmp(url, LDAP, STRLEN(LDAP)) == 0;
}

/* Of ldap://host/DN?...: up to the end of the host. */
static size_t server_length(const char *query)
{
    return STRLEN(LDAP) + strcspn(query + STRLEN(LDAP), "/?#");
}

/* Takes over the URL. */
static int add_url(CrlPoint *point, char *url)
{
    const char *reason;

    if (!url)
        return -ENOMEM;
    if (point->n == CRL_POINT_URLS_MAX || strlen(url) > CRL_URL_MAX ||
        fetch_url_check_crl(url, &reason) < 0)
        free(url);
    else
        point->urls[point->n++] = url;
    return 0;
}

/* --- LDAP ------------------------------------------------------------------------------------- */

/* RFC 4516 section 2.1: what is not unreserved is percent-encoded. */
static char *percent_encode(const char *text, size_t size)
{
    char *encoded = malloc(3 * size + 1), *p = encoded;

    for (size_t i = 0; encoded && i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (isascii(c) && (isalnum(c) || strchr("-._~=,+", c)))
            *p++ = (char)c;
        else
            p += snprintf(p, 4, "%%%02X", (unsigned)c);
    }
    if (encoded)
        *p = 0;
    return encoded;
}

static int directory_url(const X509_NAME *name, const char *query, const char *attribute,
                         char **ret)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    _cleanup_free_ char *encoded = NULL;
    size_t server;
    char *text;
    long size;

    if (!query || !is_ldap(query))
        return -ENOENT;
    server = server_length(query);
    if (server == STRLEN(LDAP))
        return -ENOENT;
    if (!bio)
        return -ENOMEM;
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
        return -ENOENT;
    size = BIO_get_mem_data(bio, &text);
    encoded = percent_encode(text, size > 0 ? (size_t)size : 0);
    if (!encoded || asprintf(ret, "%.*s/%s?%s?base?(objectClass=*)", (int)server, query, encoded,
                             attribute) < 0)
        return -ENOMEM;
    return 0;
}

int crl_points_directory(const X509_NAME *name, const char *query, char **ret)
{
    return directory_url(name, query, CRL_ATTRIBUTE, ret);
}

/* ldap:///DN?...: at the configured server. */
static int complete_url(const char *url, const char *query, char **ret)
{
    size_t server = query && is_ldap(query) ? server_length(query) : 0;

    if (server <= STRLEN(LDAP))
        return -ENOENT;
    return asprintf(ret, "%.*s%s", (int)server, query, url + STRLEN(LDAP)) < 0 ? -ENOMEM : 0;
}

/* --- Points ----------------------------------------------------------------------------------- */

static int add_uri(CrlPoint *point, const ASN1_IA5STRING *uri, const char *query)
{
    size_t size = (size_t)ASN1_STRING_length(uri);
    _cleanup_free_ char *url = strndup((const char *)ASN1_STRING_get0_data(uri), size);
    char *complete = NULL;
    int r;

    if (!url)
        return -ENOMEM;
    if (strlen(url) != size)
        return 0;
    if (!is_ldap(url) || url[STRLEN(LDAP)] != '/')
        return add_url(point, TAKE_PTR(url));
    r = complete_url(url, query, &complete);
    return r < 0 ? (r == -ENOENT ? 0 : r) : add_url(point, complete);
}

static int add_name(CrlPoint *point, const GENERAL_NAME *name, const char *query, bool delta)
{
    char *url = NULL;
    int r;

    if (name->type == GEN_URI)
        return add_uri(point, name->d.uniformResourceIdentifier, query);
    if (name->type != GEN_DIRNAME)
        return 0;
    r = directory_url(name->d.directoryName, query, delta ? DELTA_ATTRIBUTE : CRL_ATTRIBUTE, &url);
    return r < 0 ? (r == -ENOENT ? 0 : r) : add_url(point, url);
}

static int add_names(CrlPoint *point, const GENERAL_NAMES *names, const char *query, bool delta)
{
    int r = 0;

    for (int i = 0; r >= 0 && i < sk_GENERAL_NAME_num(names); i++)
        r = add_name(point, sk_GENERAL_NAME_value(names, i), query, delta);
    return r;
}

/* A point without a name of its own is where its issuer is. */
static int add_point(CrlPoint *point, const DIST_POINT *from, const char *query, bool delta)
{
    if (from->distpoint && from->distpoint->type == 0)
        return add_names(point, from->distpoint->name.fullname, query, delta);
    return from->distpoint ? 0 : add_names(point, from->CRLissuer, query, delta);
}

int crl_points_read(const X509 *certificate, const X509_CRL *crl, int nid, const char *query,
                    CrlPoints *ret)
{
    CRL_DIST_POINTS *from = certificate ? X509_get_ext_d2i(certificate, nid, NULL, NULL)
                                        : X509_CRL_get_ext_d2i(crl, nid, NULL, NULL);
    _cleanup_(crl_points_done) CrlPoints points = {0};
    int r = 0;

    for (int i = 0; r >= 0 && i < sk_DIST_POINT_num(from) && points.n < CRL_POINTS_MAX; i++) {
        r = add_point(&points.points[points.n], sk_DIST_POINT_value(from, i), query,
                      nid == NID_freshest_crl);
        points.n++;
        if (r >= 0 && points.points[points.n - 1].n == 0)
            points.n--;
    }
    CRL_DIST_POINTS_free(from);
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret = points;
    points = (CrlPoints){0};
    return 0;
}
