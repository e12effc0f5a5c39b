/* SPDX-License-Identifier: Apache-2.0 */
#include "cmp-input.h"

#include <errno.h>

#include "cleanup.h"
#include "x509-syntax.h"

#define TRANSACTION_ID_MIN 16U
#define TRANSACTION_ID_MAX 64U
#define NONCE_MIN 16U
#define NONCE_MAX 64U

/* 1.3.6.1.5.5.7.5.1.5 */
#define OLD_CERT_ID "\x2b\x06\x01\x05\x05\x07\x05\x01\x05"

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

/* --- CertRequest ------------------------------------------------------------------------------ */

static int check_subject(DerSpan content, const char **ret_reason)
{
    DerSpan name;
    int r = x509_read_name(&content, &name, ret_reason);

    if (r < 0)
        return r;
    return der_end(&content) < 0 ? refuse(ret_reason, "a name of the template is malformed") : 0;
}

/* The parts of a template that a client may fill in, in their order. */
static int check_template(DerSpan content, CmpInput *ret, const char **ret_reason)
{
    X509Extensions extensions;
    uint8_t last = 0;

    while (content.size > 0) {
        DerSpan part;
        uint8_t tag;
        int r = 0;

        if (der_read_any(&content, &tag, NULL, &part) < 0 || tag <= last)
            return refuse(ret_reason, "the template is malformed");
        last = tag;
        switch (tag) {
        case DER_CONTEXT_CONSTRUCTED(3): /* issuer */
        case DER_CONTEXT_CONSTRUCTED(5): /* subject */
            r = check_subject(part, ret_reason);
            break;
        case DER_CONTEXT_CONSTRUCTED(4): /* validity */
            break;
        case DER_CONTEXT_CONSTRUCTED(6):
            ret->public_key = part;
            break;
        case DER_CONTEXT_CONSTRUCTED(9):
            r = x509_check_extensions(part, &extensions, ret_reason);
            break;
        default:
            r = refuse(ret_reason, "the template has a part that is not for a client");
        }
        if (r < 0)
            return r;
    }
    return ret->public_key.size > 0 ? 0 : refuse(ret_reason, "the template has no public key");
}

/* Only which certificate is to be renewed. */
static int check_controls(DerSpan controls, const char **ret_reason)
{
    DerSpan control, oid, value;

    if (der_read(&controls, DER_SEQUENCE, &control) < 0 || der_end(&controls) < 0 ||
        der_read(&control, DER_OID, &oid) < 0 || der_read(&control, DER_SEQUENCE, &value) < 0 ||
        der_end(&control) < 0 || !der_equal(oid, OLD_CERT_ID, STRLEN(OLD_CERT_ID)))
        return refuse(ret_reason, "there is a control other than the certificate to be renewed");
    return 0;
}

/* The content of a CertRequest. */
static int check_request(DerSpan request, CmpInput *ret, const char **ret_reason)
{
    DerSpan template, controls;
    uint64_t id;
    int r;

    if (der_read_uint64(&request, &id) < 0 || der_read(&request, DER_SEQUENCE, &template) < 0)
        return refuse(ret_reason, "the CertRequest is malformed");
    r = check_template(template, ret, ret_reason);
    if (r < 0)
        return r;
    r = der_read_optional(&request, DER_SEQUENCE, &controls);
    if (r < 0 || der_end(&request) < 0)
        return refuse(ret_reason, "the CertRequest is malformed");
    return r > 0 ? check_controls(controls, ret_reason) : 0;
}

/* --- Messages --------------------------------------------------------------------------------- */

static bool is_octets(DerSpan content, size_t min, size_t max)
{
    DerSpan octets;

    return der_read_only(content, DER_OCTET_STRING, &octets) >= 0 && octets.size >= min &&
           octets.size <= max;
}

/* sender, recipient */
static bool are_directory_names(DerSpan *header)
{
    for (unsigned i = 0; i < 2; i++) {
        DerSpan name, content;
        const char *reason;

        if (der_read(header, DER_CONTEXT_CONSTRUCTED(4), &name) < 0 ||
            x509_read_name(&name, &content, &reason) < 0 || der_end(&name) < 0)
            return false;
    }
    return true;
}

/* protectionAlg, transactionID and senderNonce have to be there. */
static int check_optional_parts(DerSpan header, CmpInput *ret, const char **ret_reason)
{
    bool has_transaction = false, has_nonce = false, ok = true;
    uint8_t last = 0;

    while (header.size > 0) {
        DerSpan part;
        uint8_t tag;

        if (der_read_any(&header, &tag, NULL, &part) < 0 || tag <= last ||
            tag > DER_CONTEXT_CONSTRUCTED(8))
            return refuse(ret_reason, "the header is malformed");
        last = tag;
        if (tag == DER_CONTEXT_CONSTRUCTED(1))
            ret->protection = part;
        else if (tag == DER_CONTEXT_CONSTRUCTED(4))
            ok = has_transaction = is_octets(part, TRANSACTION_ID_MIN, TRANSACTION_ID_MAX);
        else if (tag == DER_CONTEXT_CONSTRUCTED(5))
            ok = has_nonce = is_octets(part, NONCE_MIN, NONCE_MAX);
        else if (tag == DER_CONTEXT_CONSTRUCTED(6))
            ok = is_octets(part, NONCE_MIN, NONCE_MAX);
        if (!ok)
            return refuse(ret_reason, "the transactionID or a nonce is malformed");
    }
    if (!ret->protection.data || !has_transaction || !has_nonce)
        return refuse(ret_reason, "protectionAlg, transactionID or senderNonce is missing");
    return 0;
}

static int check_header(DerSpan header, CmpInput *ret, const char **ret_reason)
{
    uint64_t version;

    if (der_read_uint64(&header, &version) < 0 || version < 2 || version > 3)
        return refuse(ret_reason, "the header is not of CMP version 2 or 3");
    if (!are_directory_names(&header))
        return refuse(ret_reason, "sender or recipient is no directory name");
    return check_optional_parts(header, ret, ret_reason);
}

/* CertReqMessages with exactly one CertReqMsg. */
static int check_requests(DerSpan body, CmpInput *ret, const char **ret_reason)
{
    DerSpan messages, message, request;

    if (der_read_only(body, DER_SEQUENCE, &messages) < 0 ||
        der_read_only(messages, DER_SEQUENCE, &message) < 0 ||
        der_read(&message, DER_SEQUENCE, &request) < 0)
        return refuse(ret_reason, "the message has not exactly one request");
    return check_request(request, ret, ret_reason);
}

static int check_message(DerSpan header, DerSpan rest, CmpInput *ret, const char **ret_reason)
{
    DerSpan body;
    uint8_t tag;
    int r = check_header(header, ret, ret_reason);

    if (r < 0)
        return r;
    if (der_read_any(&rest, &tag, NULL, &body) < 0 || der_end(&rest) < 0)
        return refuse(ret_reason, "the message has no body");
    switch (tag) {
    case DER_CONTEXT_CONSTRUCTED(0): /* ir */
    case DER_CONTEXT_CONSTRUCTED(2): /* cr */
    case DER_CONTEXT_CONSTRUCTED(7): /* kur */
        return check_requests(body, ret, ret_reason);
    case DER_CONTEXT_CONSTRUCTED(23): /* error */
    case DER_CONTEXT_CONSTRUCTED(24): /* certConf */
    case DER_CONTEXT_CONSTRUCTED(25): /* pollReq */
        return 0;
    default:
        return refuse(ret_reason, "it is no message of a client that enrols");
    }
}

int cmp_input_parse(DerSpan input, CmpInput *ret, const char **ret_reason)
{
    DerSpan content, header, rest;
    int r;

    *ret = (CmpInput){.public_key = {NULL, 0}};
    if (input.size > CMP_INPUT_SIZE_MAX)
        return refuse(ret_reason, "too large");
    r = x509_check_element(input, ret_reason);
    if (r < 0)
        return r;
    if (der_read_only(input, DER_SEQUENCE, &content) < 0)
        return refuse(ret_reason, "not exactly one SEQUENCE");
    rest = content;
    return der_read(&rest, DER_SEQUENCE, &header) >= 0
               ? check_message(header, rest, ret, ret_reason)
               : check_request(content, ret, ret_reason);
}
