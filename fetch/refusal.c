/* SPDX-License-Identifier: Apache-2.0 */
#include "refusal.h"

#include <openssl/ssl.h>

/* There is one transaction at a time in a process. */
static int alert;
static bool wanted;

static void on_event(const SSL *ssl, int where, int value)
{
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
        alert = value & 0xff;
}

/* Called when there is none. */
static int on_certificate_wanted(SSL *ssl, X509 **ret_certificate, EVP_PKEY **ret_key)
{
    wanted = true;
    return 0;
}

void refusal_begin(void)
{
    alert = -1;
    wanted = false;
}

void refusal_watch(SSL_CTX *context)
{
    SSL_CTX_set_info_callback(context, on_event);
    SSL_CTX_set_client_cert_cb(context, on_certificate_wanted);
}

/* Of the alerts, those that are about the client's certificate. */
static const char *alert_words(void)
{
    switch (alert) {
    case SSL3_AD_BAD_CERTIFICATE:
        return "The server does not accept the router's certificate: it is a bad one";
    case SSL3_AD_UNSUPPORTED_CERTIFICATE:
        return "The server does not accept the router's certificate: it is of an unsupported kind";
    case SSL3_AD_CERTIFICATE_REVOKED:
        return "The server does not accept the router's certificate: it is revoked";
    case SSL3_AD_CERTIFICATE_EXPIRED:
        return "The server does not accept the router's certificate: it has expired";
    case TLS1_AD_UNKNOWN_CA:
        return "The server does not accept the router's certificate: it does not know its CA";
    case SSL3_AD_CERTIFICATE_UNKNOWN:
    case TLS1_AD_ACCESS_DENIED:
        return "The server does not accept the router's certificate";
    default:
        return NULL;
    }
}

const char *refusal_words(bool shown)
{
    if (shown)
        return alert_words() ?: "The server has hung up when it was shown the router's certificate";
    return wanted ? "The server wants a certificate, and the router shows none" : NULL;
}
