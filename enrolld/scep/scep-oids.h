/* SPDX-License-Identifier: Apache-2.0 */
/* The object identifiers in messages of SCEP, as they are encoded. */
#pragma once

#define PKCS7_OID "\x2a\x86\x48\x86\xf7\x0d\x01\x07"
#define OID_DATA PKCS7_OID "\x01"
#define OID_SIGNED_DATA PKCS7_OID "\x02"
#define OID_ENVELOPED_DATA PKCS7_OID "\x03"

#define PKCS9_OID "\x2a\x86\x48\x86\xf7\x0d\x01\x09"
#define OID_CONTENT_TYPE PKCS9_OID "\x03"
#define OID_MESSAGE_DIGEST PKCS9_OID "\x04"

/* 2.16.840.1.113733.1.9 */
#define SCEP_OID "\x60\x86\x48\x01\x86\xf8\x45\x01\x09"
#define OID_MESSAGE_TYPE SCEP_OID "\x02"
#define OID_PKI_STATUS SCEP_OID "\x03"
#define OID_FAIL_INFO SCEP_OID "\x04"
#define OID_SENDER_NONCE SCEP_OID "\x05"
#define OID_RECIPIENT_NONCE SCEP_OID "\x06"
#define OID_TRANSACTION SCEP_OID "\x07"
/* 1.3.6.1.5.5.7.24.1 */
#define OID_FAIL_TEXT "\x2b\x06\x01\x05\x05\x07\x18\x01"

#define OID_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
