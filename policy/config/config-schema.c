/* SPDX-License-Identifier: Apache-2.0 */
#include "config-schema.h"

#include "aaa.h"
#include "cleanup.h"
#include "names.h"
#include "secret.h"
#include "tasks.h"

#define HELP(...) ((const char *const[]){__VA_ARGS__, NULL})

#define ALGORITHMS "rsa|ecdsanistp256|ecdsanistp384|ecdsanistp521|ed25519"
#define ALGORITHMS_HELP "RSA|ECDSA, NIST P-256|ECDSA, NIST P-384|ECDSA, NIST P-521|Ed25519"
#define LEAF_ALGORITHMS ALGORITHMS "|dsa"
#define LEAF_ALGORITHMS_HELP ALGORITHMS_HELP "|DSA, of 2048 bits"

#define TOP_ROW(head, tail, help, task, section, path, kind)                                       \
    CONFIG_MODE_TOP, head, tail, help, task, section, path, kind
#define ROW(mode, head, tail, help, task, path, kind)                                              \
    CONFIG_MODE_##mode, head, tail, help, task, NULL, path, kind
#define TASK_ROW(class, what)                                                                      \
    {                                                                                              \
        ROW(TASKGROUP, "task " class, "<value:" TASK_WORDS ">",                                    \
            HELP("Add a task to the group", what, TASK_WORDS_HELP), "aaa", "task/" class,          \
            CONFIG_ITEM)                                                                           \
    }

#define DIR_SET_ROW(number)                                                                        \
    {                                                                                              \
        ROW(INVENTORY, "on-demand dir-set " number, "<value:line(1-800)>",                         \
            HELP("Snapshots on demand", "Of some folders only", "Number of the set",               \
                 "Absolute paths, with blanks between them"),                                      \
            "dossier", "on-demand/dir-set/" number, CONFIG_STRING)                                 \
    }

/* The order is the order of show running-config; within a trustpoint, that of the router's
 * sample. */
const ConfigRow config_rows[] = {
    {TOP_ROW("hostname", "<value:hostname>",
             HELP("Set the system's host name", "This system's host name"), "host-services",
             SECTION_SYSTEM, "hostname", CONFIG_STRING)},
    {TOP_ROW(
        "domain name", "<value:hostname>",
        HELP("Domain service commands", "Define the default domain name", "Default domain name"),
        "ip-services", SECTION_SYSTEM, "domain/name", CONFIG_STRING)},
    {TOP_ROW("domain ipv4 host", "<name:hostname> {<value:ipv4>}",
             HELP("Domain service commands", "IPv4", "Define a host and its addresses",
                  "Name of the host", "Address of the host"),
             "ip-services", SECTION_SYSTEM, "domain/ipv4-host", CONFIG_NAMED_LIST)},
    {TOP_ROW("domain ipv6 host", "<name:hostname> {<value:ipv6>}",
             HELP("Domain service commands", "IPv6", "Define a host and its addresses",
                  "Name of the host", "Address of the host"),
             "ip-services", SECTION_SYSTEM, "domain/ipv6-host", CONFIG_NAMED_LIST)},

    {TOP_ROW("taskgroup", "<name:label>", HELP("Specify a task group", "Name of the task group"),
             "aaa", SECTION_AAA, "taskgroup", CONFIG_ENTER),
     .enters = CONFIG_MODE_TASKGROUP, .refuse = aaa_refuse_group_name},
    {ROW(TASKGROUP, "description", "<value:line(1-800)>",
         HELP("Description of the task group", "The description"), "aaa", "description",
         CONFIG_STRING)},
    TASK_ROW("read", "Permit to view"),
    TASK_ROW("write", "Permit to change the configuration, and to view"),
    TASK_ROW("execute", "Permit to run commands"),
    TASK_ROW("debug", "Permit to debug"),
    {ROW(TASKGROUP, "inherit taskgroup", "<value:label>",
         HELP("Inherit tasks from another group", "The task group to inherit from",
              "Name of the task group"),
         "aaa", "inherit", CONFIG_ITEM)},

    {TOP_ROW("usergroup", "<name:label>", HELP("Specify a user group", "Name of the user group"),
             "aaa", SECTION_AAA, "usergroup", CONFIG_ENTER),
     .enters = CONFIG_MODE_USERGROUP, .refuse = aaa_refuse_group_name},
    {ROW(USERGROUP, "description", "<value:line(1-800)>",
         HELP("Description of the user group", "The description"), "aaa", "description",
         CONFIG_STRING)},
    {ROW(USERGROUP, "taskgroup", "<value:label>",
         HELP("Task group of the user group", "Name of the task group"), "aaa", "taskgroup",
         CONFIG_ITEM)},
    {ROW(USERGROUP, "inherit usergroup", "<value:label>",
         HELP("Inherit tasks from another group", "The user group to inherit from",
              "Name of the user group"),
         "aaa", "inherit", CONFIG_ITEM)},

    {TOP_ROW("username", "<name:label>", HELP("Specify a user", "Name of the user"), "aaa",
             SECTION_AAA, "username", CONFIG_ENTER),
     .enters = CONFIG_MODE_USERNAME, .refuse = aaa_refuse_user_name},
    {ROW(USERNAME, "group", "<value:label>",
         HELP("User group of the user", "Name of the user group"), "aaa", "group", CONFIG_ITEM)},
    {ROW(USERNAME, "secret", "<value:word(1-253)>",
         HELP("What the user logs in with", "The secret in clear; only its hash is kept"), "aaa",
         "secret", CONFIG_SECRET)},
    {ROW(USERNAME, "secret 0", "<value:word(1-253)>",
         HELP("What the user logs in with", "A secret in clear follows",
              "The secret; only its hash is kept"),
         "aaa", "secret", CONFIG_SECRET)},
    {ROW(USERNAME, "secret 10", "<value:word(1-383)>",
         HELP("What the user logs in with", "A hash of the secret follows",
              "Hash as crypt(5) describes it: yescrypt, scrypt, bcrypt or SHA-512"),
         "aaa", "secret", CONFIG_STRING),
     .refuse = secret_refuse_hash, .secret = CONFIG_HASHES},
    {ROW(USERNAME, "password", "<value:word(1-253)>",
         HELP("The same as 'secret'", "The password in clear; only its hash is kept"), "aaa",
         "secret", CONFIG_SECRET)},
    {ROW(USERNAME, "password 0", "<value:word(1-253)>",
         HELP("The same as 'secret'", "A password in clear follows",
              "The password; only its hash is kept"),
         "aaa", "secret", CONFIG_SECRET)},
    {ROW(USERNAME, "shell-type", "<value:bash|nologin>",
         HELP("What the user gets when he logs in, instead of the router's commands",
              "A shell of the system|Nothing: he cannot log in"),
         "aaa", "shell-type", CONFIG_STRING)},
    {ROW(USERNAME, "directory", "<value:word(1-253)>",
         HELP("Home folder of the user", "Absolute path (/)"), "aaa", "directory", CONFIG_STRING),
     .refuse = aaa_refuse_directory},

    {TOP_ROW("crypto ca trustpoint", "<name:label>",
             HELP("Global crypto configuration commands", "Certification authority",
                  "Define a CA trustpoint", "Name of the trustpoint"),
             "crypto", SECTION_TRUSTPOINTS, "trustpoint", CONFIG_ENTER),
     .enters = CONFIG_MODE_TRUSTPOINT},
    {ROW(TRUSTPOINT, "description", "<value:line(1-80)>",
         HELP("Description of the trustpoint", "The description"), "crypto", "description",
         CONFIG_STRING)},
    {ROW(TRUSTPOINT, "keypair", "<algorithm:" LEAF_ALGORITHMS "> <label:label>",
         HELP("Key pair of the leaf certificate", LEAF_ALGORITHMS_HELP, "Label of the key pair"),
         "crypto", "keypair", CONFIG_PARTS)},
    {ROW(TRUSTPOINT, "rsakeypair", "<value:label>",
         HELP("RSA key pair of the certificate", "Label of the key pair"), "crypto", "rsakeypair",
         CONFIG_STRING)},
    {ROW(TRUSTPOINT, "ca-keypair", "<algorithm:" ALGORITHMS "> <label:label>",
         HELP("Key pair of the root certificate", ALGORITHMS_HELP, "Label of the key pair"),
         "crypto", "ca-keypair", CONFIG_PARTS)},
    {ROW(TRUSTPOINT, "subject-name", "<value:line(1-800)>",
         HELP("Subject name", "Subject name of the leaf certificate"), "crypto", "subject-name",
         CONFIG_STRING)},
    {ROW(TRUSTPOINT, "subject-name ca-certificate", "<value:line(1-800)>",
         HELP("Subject name", "Of the root certificate", "Subject name of the root certificate"),
         "crypto", "subject-name-ca-certificate", CONFIG_STRING)},
    {ROW(TRUSTPOINT, "enrollment url self", "",
         HELP("Enrollment parameters", "Where to enroll", "At the router's own root"), "crypto",
         "enrollment/url", CONFIG_CONSTANT),
     .constant = "self"},
    {ROW(TRUSTPOINT, "enrollment url", "<value:place(1-800)>",
         HELP("Enrollment parameters", "Where to enroll",
              "URL of a server: http:// for SCEP and CMP, https:// for EST, tftp:// or "
              "HOST;VRF/NAME"),
         "crypto", "enrollment/url", CONFIG_STRING)},
    {ROW(TRUSTPOINT, "method est", "",
         HELP("What is spoken with the server, instead of SCEP",
              "Enrollment over Secure Transport (RFC 7030)"),
         "crypto", "method", CONFIG_CONSTANT),
     .constant = "est"},
    {ROW(TRUSTPOINT, "method cmp", "",
         HELP("What is spoken with the server, instead of SCEP",
              "Certificate Management Protocol (RFC 4210, RFC 9483)"),
         "crypto", "method", CONFIG_CONSTANT),
     .constant = "cmp"},
    {ROW(TRUSTPOINT, "enrollment retry count", "<value:number(1-100)>",
         HELP("Enrollment parameters", "Asking again while the CA has not decided",
              "How often before giving up", "Number (10)"),
         "crypto", "enrollment/retry-count", CONFIG_NUMBER)},
    {ROW(TRUSTPOINT, "enrollment retry period", "<value:number(1-60)>",
         HELP("Enrollment parameters", "Asking again while the CA has not decided",
              "How long in between", "Minutes (1)"),
         "crypto", "enrollment/retry-period", CONFIG_NUMBER)},
    {ROW(TRUSTPOINT, "enrollment legacy", "",
         HELP("Enrollment parameters", "Admit SHA-1, Triple DES and DES of an old server"),
         "crypto", "enrollment/legacy", CONFIG_TRUE)},
    {ROW(TRUSTPOINT, "auto-enroll", "<value:number(1-99)>",
         HELP("Renew the certificate by itself", "Percent of its lifetime after which"), "crypto",
         "auto-enroll", CONFIG_NUMBER)},
    {ROW(TRUSTPOINT, "auto-enroll", "<value:number(1-99)> regenerate",
         HELP("Renew the certificate by itself", "Percent of its lifetime after which",
              "With a new key pair"),
         "crypto", "auto-enroll", CONFIG_STRING)},
    {ROW(TRUSTPOINT, "renewal reload", "<value:word(1-128)>",
         HELP("What follows when the certificate is another one", "Services that are reloaded",
              "Name of the unit: nginx.service"),
         "crypto", "renewal/reload", CONFIG_ITEM)},
    {ROW(TRUSTPOINT, "renewal probe", "<value:word(1-260)>",
         HELP("What follows when the certificate is another one",
              "Where it has to be shown, else the previous one goes back", "HOST:PORT, with TLS"),
         "crypto", "renewal/probe", CONFIG_ITEM)},
    {ROW(TRUSTPOINT, "renewal-message-type", "<value:pkcsreq|renewalreq>",
         HELP("How the certificate is renewed",
              "As it was enrolled (default)|Signed with the certificate that is there"),
         "crypto", "renewal-message-type", CONFIG_STRING)},
    {ROW(TRUSTPOINT, "query url", "<value:url(1-800)>",
         HELP("Where revocation lists are", "The directory that has them",
              "ldap:// URL of a server"),
         "crypto", "query-url", CONFIG_STRING)},
    {ROW(TRUSTPOINT, "crl optional", "",
         HELP("Revocation of what the CA has issued",
              "Certificates are good without a CRL when none can be had"),
         "crypto", "crl-optional", CONFIG_TRUE)},
    {ROW(TRUSTPOINT, "extended-key-usage match", "<value:server-auth|client-auth>",
         HELP("Extended key usage of others' certificates", "Reject those that do not have it",
              "Authentication of servers|Authentication of clients"),
         "crypto", "extended-key-usage", CONFIG_STRING)},
    {ROW(TRUSTPOINT, "challenge-password clear", "<value:word(1-255)>",
         HELP("Password with which the CA knows the router", "A password in clear follows",
              "The password; it is kept sealed"),
         "crypto", "challenge-password", CONFIG_SECRET),
     .sealed = true},
    {ROW(TRUSTPOINT, "challenge-password 6", "<value:word(1-500)>",
         HELP("Password with which the CA knows the router", "A sealed password follows",
              "As this router has sealed it"),
         "crypto", "challenge-password", CONFIG_STRING),
     .refuse = secret_refuse_sealed, .secret = CONFIG_HASHES},
    {ROW(TRUSTPOINT, "skip-challenge-password", "",
         HELP("Ask for no challenge password, and send none"), "crypto", "skip-challenge-password",
         CONFIG_TRUE)},
    {ROW(TRUSTPOINT, "enrollment terminal", "", HELP("Enrollment parameters", "By cut and paste"),
         "crypto", "enrollment/url", CONFIG_CONSTANT),
     .constant = "terminal"},
    {ROW(TRUSTPOINT, "enrollment url terminal", "",
         HELP("Enrollment parameters", "Where to enroll", "By cut and paste"), "crypto",
         "enrollment/url", CONFIG_CONSTANT),
     .constant = "terminal", .alias = true},
    {ROW(TRUSTPOINT, "enrollment self", "",
         HELP("Enrollment parameters", "At the router's own root"), "crypto", "enrollment/url",
         CONFIG_CONSTANT),
     .constant = "self", .alias = true},
    {ROW(TRUSTPOINT, "enrollment local", "",
         HELP("Enrollment parameters", "By files of whoever enrolls"), "crypto", "enrollment/url",
         CONFIG_CONSTANT),
     .constant = "local"},
    {ROW(TRUSTPOINT, "vrf", "<value:word(1-15)>",
         HELP("VRF through which the server is reached", "Name of the VRF's interface"), "crypto",
         "vrf", CONFIG_STRING)},
    {ROW(TRUSTPOINT, "subject-alternative-name", "<value:line(1-800)>",
         HELP("Further names of the router", "DNS:name,IP:address,email:address"), "crypto",
         "subject-alternative-name", CONFIG_STRING)},
    {ROW(TRUSTPOINT, "serial-number", "",
         HELP("Include the router's serial number in the subject name"), "crypto", "serial-number",
         CONFIG_TRUE)},
    {ROW(TRUSTPOINT, "serial-number none", "",
         HELP("Include the router's serial number in the subject name",
              "Do not include it, and do not ask"),
         "crypto", "serial-number", CONFIG_CONSTANT),
     .constant = "none"},
    {ROW(TRUSTPOINT, "ip-address", "<value:ipv4>",
         HELP("Include an IP address in the subject name", "The address"), "crypto", "ip-address",
         CONFIG_STRING)},
    {ROW(TRUSTPOINT, "ip-address none", "",
         HELP("Include an IP address in the subject name", "Do not include one, and do not ask"),
         "crypto", "ip-address", CONFIG_CONSTANT),
     .constant = "none"},
    {ROW(TRUSTPOINT, "key-usage certificate",
         "{<value:digitalsignature|keyagreement|nonrepudiation|dataencipherment|keyencipherment>}",
         HELP("Key usage", "Of the leaf certificate",
              "Digital signature|Key agreement|Non-repudiation|Data encipherment|Key encipherment"),
         "crypto", "key-usage/certificate", CONFIG_WORDS)},
    {ROW(TRUSTPOINT, "lifetime certificate", "<value:number(30-5474)>",
         HELP("Lifetime", "Of the leaf certificate", "Days"), "crypto", "lifetime/certificate",
         CONFIG_NUMBER)},
    {ROW(TRUSTPOINT, "message-digest", "<value:sha256|sha384|sha512>",
         HELP("Digest of signatures", "SHA-256|SHA-384|SHA-512"), "crypto", "message-digest",
         CONFIG_STRING)},
    {ROW(TRUSTPOINT, "key-usage ca-certificate",
         "{<value:digitalsignature|keycertsign|crlsign|nonrepudiation>}",
         HELP("Key usage", "Of the root certificate",
              "Digital signature|Signing of certificates|Signing of CRLs|Non-repudiation"),
         "crypto", "key-usage/ca-certificate", CONFIG_WORDS)},
    {ROW(TRUSTPOINT, "lifetime ca-certificate", "<value:number(30-5475)>",
         HELP("Lifetime", "Of the root certificate", "Days"), "crypto", "lifetime/ca-certificate",
         CONFIG_NUMBER)},

    {TOP_ROW("crypto ca source interface", "<family:ipv4|ipv6> <interface:word(1-15)>",
             HELP("Global crypto configuration commands", "Certification authority",
                  "Where connections to CAs and their servers come from",
                  "From the address of an interface", "Its IPv4 address|Its IPv6 address",
                  "Name of the interface"),
             "crypto", SECTION_ACCESS, "source-interface", CONFIG_PARTS)},
    {TOP_ROW("crypto ca source-interface", "<family:ipv4|ipv6> <interface:word(1-15)>",
             HELP("Global crypto configuration commands", "Certification authority",
                  "Interface whose address connections to CAs and their servers come from",
                  "Its IPv4 address|Its IPv6 address", "Name of the interface"),
             "crypto", SECTION_ACCESS, "source-interface", CONFIG_PARTS),
     .alias = true},
    {TOP_ROW("crypto ca http-proxy", "<host:word(1-64)> port <port:number(1-65535)>",
             HELP("Global crypto configuration commands", "Certification authority",
                  "Proxy to CAs and their servers, for http and https", "Name or address",
                  "Where it listens", "Port"),
             "crypto", SECTION_ACCESS, "http-proxy", CONFIG_PARTS)},
    {TOP_ROW("crypto ca crl curl-timeout", "<value:number(5-300)>",
             HELP("Global crypto configuration commands", "Certification authority",
                  "Revocation lists", "How long a server may take to send one", "Seconds (20)"),
             "crypto", SECTION_ACCESS, "crl-timeout", CONFIG_NUMBER)},

    {TOP_ROW("crypto envelope nonce minimum-length", "<value:number(1-64)>",
             HELP("Global crypto configuration commands", "Signed envelopes (utility sign)",
                  "The collector's nonce", "Sign for none that is shorter", "Bytes"),
             "crypto", SECTION_DOSSIER, "nonce-minimum-length", CONFIG_NUMBER)},

    {TOP_ROW("crypto ca rsa 1024 disable", "",
             HELP("Global crypto configuration commands", "Certification authority",
                  "RSA keys of CA certificates", "Of 1024 bits or less",
                  "Refuse them in the trustpool"),
             "crypto", SECTION_TRUSTPOOL, "rsa-1024-disable", CONFIG_TRUE)},
    {TOP_ROW("crypto ca trustpool policy", "",
             HELP("Global crypto configuration commands", "Certification authority", "Trustpool",
                  "Policy of the trustpool"),
             "crypto", SECTION_TRUSTPOOL, "policy", CONFIG_ENTER),
     .enters = CONFIG_MODE_TRUSTPOOL},
    {ROW(TRUSTPOOL, "cabundle url", "<value:url(1-800)>",
         HELP("Certificate bundle", "Where to download it from", "http, https, ftp or tftp URL"),
         "crypto", "cabundle-url", CONFIG_STRING)},
    {ROW(TRUSTPOOL, "cabundle signer", "<value:word(1-64)>",
         HELP("Certificate bundle", "Take signed bundles only, signed under this certificate",
              "SHA-256 fingerprint of the certificate"),
         "crypto", "cabundle-signer", CONFIG_STRING)},
    {ROW(TRUSTPOOL, "cabundle host-key", "<value:word(1-64)>",
         HELP("Certificate bundle", "Key of the server that sftp and scp may talk to",
              "Its SHA-256 fingerprint, as ssh-keygen -l shows it"),
         "crypto", "cabundle-host-key", CONFIG_STRING)},
    {ROW(TRUSTPOOL, "cabundle shrink-limit", "<value:number(0-100)>",
         HELP("Certificate bundle", "Refuse one that would take away more than a share",
              "Per cent of the downloaded certificates; 50 without this line"),
         "crypto", "cabundle-shrink-limit", CONFIG_NUMBER)},
    {ROW(TRUSTPOOL, "export system", "",
         HELP("For other programs", "Add the downloaded certificates to the system's own list"),
         "crypto", "export-system", CONFIG_TRUE)},
    {ROW(TRUSTPOOL, "crl optional", "",
         HELP("Revocation of what is verified against the pool",
              "Certificates without a CRL are good too"),
         "crypto", "crl-optional", CONFIG_TRUE)},
    {ROW(TRUSTPOOL, "vrf", "<value:word(1-15)>",
         HELP("VRF that bundles and CRLs are downloaded by", "Name of the VRF"), "crypto", "vrf",
         CONFIG_STRING)},
    {ROW(TRUSTPOOL, "description", "<value:line(1-80)>",
         HELP("Description of the policy", "The description"), "crypto", "description",
         CONFIG_STRING)},

    {TOP_ROW("crypto key grant", "<name:label>",
             HELP("Global crypto configuration commands", "Keys",
                  "Let users of the system use a key", "Name of the grant"),
             "crypto", SECTION_GRANTS, "grant", CONFIG_ENTER),
     .enters = CONFIG_MODE_GRANT},
    {ROW(GRANT, "keypair", "<algorithm:" ALGORITHMS "> <label:label>",
         HELP("The key pair", ALGORITHMS_HELP, "Label of the key pair"), "crypto", "keypair",
         CONFIG_PARTS)},
    {ROW(GRANT, "purpose", "<value:tls|ssh>",
         HELP("What for", "Handshakes of TLS|Logging in elsewhere over SSH"), "crypto", "purpose",
         CONFIG_STRING)},
    {ROW(GRANT, "user", "<value:label>", HELP("User of the system", "Name of the user"), "crypto",
         "user", CONFIG_ITEM)},
    {ROW(GRANT, "group", "<value:label>", HELP("Group of the system", "Name of the group"),
         "crypto", "group", CONFIG_ITEM)},

    {TOP_ROW("filesystem-inventory", "", HELP("Snapshots of all files, for the dossier"), "dossier",
             SECTION_DOSSIER, "filesystem-inventory", CONFIG_ENTER),
     .enters = CONFIG_MODE_INVENTORY},
    {ROW(INVENTORY, "snapshot-interval", "<value:number(1-96)>",
         HELP("Time between two snapshots", "Quarters of an hour (4)"), "dossier",
         "snapshot-interval", CONFIG_NUMBER)},
    {ROW(INVENTORY, "snapshot-type", "<value:full|incremental>",
         HELP("What a snapshot says", "All files|What has changed since the last one (default)"),
         "dossier", "snapshot-type", CONFIG_STRING)},
    DIR_SET_ROW("1"),
    DIR_SET_ROW("2"),
    DIR_SET_ROW("3"),
    DIR_SET_ROW("4"),
    DIR_SET_ROW("5"),
    {ROW(INVENTORY, "skip-list", "<value:line(1-800)>",
         HELP("Folders that are left out", "Absolute paths, with blanks between them"), "dossier",
         "skip-list", CONFIG_STRING)},
    {ROW(INVENTORY, "skip-files", "<value:line(1-800)>",
         HELP("Files that are left out", "Absolute paths, with blanks between them"), "dossier",
         "skip-files", CONFIG_STRING)},
    {ROW(INVENTORY, "scan-rate", "<value:number(1-10000)>",
         HELP("How fast files are read", "MiB in a second; without this line there is no limit"),
         "dossier", "scan-rate", CONFIG_NUMBER)},
    {ROW(INVENTORY, "digest none", "",
         HELP("Digests of files", "Do not read them: their metadata only"), "dossier", "digest",
         CONFIG_CONSTANT),
     .constant = "none"},

    {TOP_ROW("dossier node", "<name:word(1-32)>",
             HELP("Integrity dossiers", "Another node, whose dossier can be had from here",
                  "Name of the node: 0/RP1/CPU0"),
             "dossier", SECTION_DOSSIER, "node", CONFIG_ENTER),
     .enters = CONFIG_MODE_NODE},
    {ROW(NODE, "host", "<value:word(1-253)>",
         HELP("Where it is reached over ssh", "Name or address of the host"), "dossier", "host",
         CONFIG_STRING)},
    {ROW(NODE, "port", "<value:number(1-65535)>", HELP("TCP port of its ssh server", "Number (22)"),
         "dossier", "port", CONFIG_NUMBER)},
    {ROW(NODE, "user", "<value:label>",
         HELP("Whom ssh logs in there", "Name of the user, whose tasks there count"), "dossier",
         "user", CONFIG_STRING)},
    {ROW(NODE, "host-key", "<value:line(1-800)>",
         HELP("What the ssh server there proves itself with",
              "Its public key: a line as in /etc/ssh/ssh_host_ed25519_key.pub there"),
         "dossier", "host-key", CONFIG_ITEM)},
    {ROW(NODE, "container", "<value:hostname>",
         HELP("A container of this machine, in the place of a host", "Name of the container"),
         "dossier", "container", CONFIG_STRING)},
    {ROW(NODE, "timeout", "<value:number(1-3600)>",
         HELP("How long its dossier may take", "Seconds (600)"), "dossier", "timeout",
         CONFIG_NUMBER)},

    {TOP_ROW("snmp-server community", "<value:label> RO",
             HELP("SNMP agent", "Community that may ask the agent", "The community", "Read only"),
             "snmp", SECTION_SERVICES, "snmp/community", CONFIG_ITEM),
     .secret = CONFIG_WHATEVER},
    {TOP_ROW("snmp-server host", "<name:ipv4> traps version 2c <value:label>",
             HELP("SNMP agent", "Where notifications go", "Address of the host", "As traps",
                  "Version of the protocol", "SNMPv2c", "Community of the notifications"),
             "snmp", SECTION_SERVICES, "snmp/host", CONFIG_NAMED),
     .secret = CONFIG_WHATEVER},
    {TOP_ROW("snmp-server traps pki", "",
             HELP("SNMP agent", "Kinds of notifications", "Of certificates that expire"), "snmp",
             SECTION_SERVICES, "snmp/traps/pki", CONFIG_TRUE)},

    {TOP_ROW("netconf-yang agent", "", HELP("NETCONF and YANG", "The NETCONF agent"),
             "config-services", SECTION_SERVICES, "netconf-yang/agent", CONFIG_ENTER),
     .enters = CONFIG_MODE_NETCONF},
    {ROW(NETCONF, "ssh", "", HELP("Over SSH"), "config-services", "ssh", CONFIG_TRUE)},

    {TOP_ROW("ssh server v2", "", HELP("Secure Shell", "The SSH server", "Version 2 only"),
             "config-services", SECTION_SERVICES, "ssh/v2", CONFIG_TRUE)},
    {TOP_ROW("ssh server rate-limit", "<value:number(1-600)>",
             HELP("Secure Shell", "The SSH server", "Limit on connections that have yet to log in",
                  "How many at a time"),
             "config-services", SECTION_SERVICES, "ssh/rate-limit", CONFIG_NUMBER)},
    {TOP_ROW("ssh server vrf", "<value:label>",
             HELP("Secure Shell", "The SSH server", "VRF that it serves", "Name of the VRF"),
             "config-services", SECTION_SERVICES, "ssh/vrf", CONFIG_ITEM)},
    {TOP_ROW("ssh server netconf vrf", "<value:label>",
             HELP("Secure Shell", "The SSH server", "NETCONF, at port 830", "VRF that it serves",
                  "Name of the VRF"),
             "config-services", SECTION_SERVICES, "ssh/netconf/vrf", CONFIG_ITEM)},

    {TOP_ROW("line default", "", HELP("Terminal lines", "All of them"), "tty-access", SECTION_LINE,
             "default", CONFIG_ENTER),
     .enters = CONFIG_MODE_LINE},
    {ROW(LINE, "exec-timeout", "<value:number(0-35791)> <value:number(0-59)>",
         HELP("How long a session may wait for its next command", "Minutes; 0 0: for ever",
              "Seconds"),
         "tty-access", "exec-timeout", CONFIG_NUMBERS)},
    {ROW(LINE, "session-timeout", "<value:number(0-35791)>",
         HELP("How long a session may be without input, also while a command runs",
              "Minutes; 0: for ever"),
         "tty-access", "session-timeout", CONFIG_NUMBER)},
};
const size_t config_n_rows = ELEMENTSOF(config_rows);

const char *config_mode_name(ConfigMode mode)
{
    static const char *const names[_CONFIG_MODE_MAX] = {
        [CONFIG_MODE_TOP] = "config",
        [CONFIG_MODE_TASKGROUP] = "config-tg",
        [CONFIG_MODE_USERGROUP] = "config-ug",
        [CONFIG_MODE_USERNAME] = "config-un",
        [CONFIG_MODE_TRUSTPOINT] = "config-trustp",
        [CONFIG_MODE_TRUSTPOOL] = "config-trustpool",
        [CONFIG_MODE_GRANT] = "config-grant",
        [CONFIG_MODE_LINE] = "config-line",
        [CONFIG_MODE_NETCONF] = "config-ncy-agent",
        [CONFIG_MODE_INVENTORY] = "config-filesystem-inventory",
        [CONFIG_MODE_NODE] = "config-dossier-node",
    };

    return names[mode];
}

const ConfigRow *config_mode_row(ConfigMode mode)
{
    for (size_t i = 0; i < config_n_rows; i++)
        if (config_rows[i].kind == CONFIG_ENTER && config_rows[i].enters == mode)
            return &config_rows[i];
    return NULL;
}

const ConfigRow *config_hash_row(const ConfigRow *secret)
{
    for (size_t i = 0; i < config_n_rows; i++)
        if (config_rows[i].mode == secret->mode && config_rows[i].kind == CONFIG_STRING &&
            strcmp(config_rows[i].path, secret->path) == 0)
            return &config_rows[i];
    return NULL;
}

bool config_part_name(const char *at, char *ret, size_t size)
{
    size_t length = *at == '<' ? strcspn(at + 1, ":") : 0;

    if (length == 0 || length >= size)
        return false;
    memcpy(ret, at + 1, length);
    ret[length] = '\0';
    return true;
}

bool config_row_has_part(const ConfigRow *row, const char *name)
{
    char part[64];

    for (const char *at = strchr(row->tail, '<'); at; at = strchr(at + 1, '<'))
        if (config_part_name(at, part, sizeof(part)) && streq(part, name))
            return true;
    return false;
}
