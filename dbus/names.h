/* SPDX-License-Identifier: Apache-2.0 */
/* Every name that another process can see, in one place. */
#pragma once

#define KEYS_NAME "org.chancery.Keys1"
#define KEYS_PATH "/org/chancery/Keys1"
#define KEYS_SIGNING_INTERFACE "org.chancery.Keys1.Signing"
#define KEYS_SECRETS_INTERFACE "org.chancery.Keys1.Secrets"
#define KEYS_ROTATION_INTERFACE "org.chancery.Keys1.Rotation"
#define KEYS_GRANTED_INTERFACE "org.chancery.Keys1.Granted"
#define KEYS_KEY_INTERFACE "org.chancery.Keys1.Key"
#define KEYS_USER_KEYS_INTERFACE "org.chancery.Keys1.UserKeys"

#define ENROLLMENT_NAME "org.chancery.Enrollment1"
#define ENROLLMENT_PATH "/org/chancery/Enrollment1"
#define ENROLLMENT_TRUSTPOINT_INTERFACE "org.chancery.Enrollment1.Trustpoint"
#define ENROLLMENT_CERTIFICATE_INTERFACE "org.chancery.Enrollment1.Certificate"

#define TRUSTPOOL_NAME "org.chancery.TrustPool1"
#define TRUSTPOOL_PATH "/org/chancery/TrustPool1"

#define DOSSIER_NAME "org.chancery.Dossier1"
#define DOSSIER_PATH "/org/chancery/Dossier1"

#define POLICY_NAME "org.chancery.Policy1"
#define POLICY_PATH "/org/chancery/Policy1"
#define POLICY_SESSION_INTERFACE "org.chancery.Policy1.Session"

#define HOST_NAME "org.chancery.Host1"
#define HOST_PATH "/org/chancery/Host1"

#define JOB_INTERFACE "org.chancery.Job1"
#define TRANSFER_INTERFACE "org.chancery.Transfer1"
#define TRANSFER_TRANSFER_INTERFACE "org.chancery.Transfer1.Transfer"
/* The twin of an interface without descriptors: its name and this. */
#define PLAIN_SUFFIX ".Plain"
#define CONFIG_OWNER_INTERFACE "org.chancery.ConfigOwner1"

/* polkit action of a task: TASK_ACTION_PREFIX "crypto" ".execute" */
#define TASK_ACTION_PREFIX "org.chancery.task."

/* Sections of the configuration. */
#define SECTION_SYSTEM                                                                             \
    "system"              /* hostname, domain; owner policyd, also applied by enrolld and hostd */
#define SECTION_AAA "aaa" /* taskgroup, usergroup, username; owner policyd */
#define SECTION_TRUSTPOINTS                                                                        \
    "trustpoints" /* crypto ca trustpoint, client-authentication and ssl profile; owner            \
                     enrolld, also applied by keyd */
#define SECTION_GRANTS "grants"       /* crypto key grant; owner keyd */
#define SECTION_TRUSTPOOL "trustpool" /* crypto ca trustpool policy; owner poold */
#define SECTION_ACCESS                                                                             \
    "ca-access" /* crypto ca source interface, http-proxy, crl, http client; owner enrolld, also   \
                   applied by poold */
#define SECTION_SERVICES "services" /* ssh server, netconf-yang agent, snmp-server; owner hostd */
#define SECTION_DOSSIER "dossier"   /* crypto envelope, filesystem-inventory; owner dossierd */
#define SECTION_LINE "line"         /* line default; owner policyd */

/* What keyd seals passwords of the configuration for. */
#define SECRET_CHALLENGE "challenge-password"
#define SECRET_SFTP "sftp-password"
#define SECRET_CLIENT "client-password"

#define SYSTEM_TRUSTPOINT "system-trustpoint"
/* The RSA key of a trustpoint that names none and enrolls at a CA elsewhere. */
#define DEFAULT_KEY_LABEL "the_default"

#define USER_PREFIX "chancery-" /* chancery-keyd, ... */

#define FETCH_SOCKET "/run/chancery/fetch"
