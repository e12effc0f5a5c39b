/* SPDX-License-Identifier: Apache-2.0 */
/* Every command of the shell: a row here, and the function that it names. The task that a command
 * needs stands at the bus method that it calls; chancery-commands(7) lists both. */
#include "cli-commands.h"

#define HELP(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ACTION(handler, mode)                                                                      \
    &(const CliAction)                                                                             \
    {                                                                                              \
        .run = handler, .flags = mode                                                              \
    }
#define BOTH (CLI_EXEC | CLI_CONFIG)
/* They end the shell, or nothing: no time line. */
#define EXEC_LEAVES (CLI_EXEC | CLI_QUIET | CLI_MODE)

#define SHOW "Show running system information"
#define AAA "Users, groups and tasks"
#define CRYPTO "Keys and certificates"
#define CA "Certification authorities"
#define KEYS "Keys"
#define GENERATE "Generate a key pair"
#define LABEL "Label of the key pair (the_default)"
#define EXPORTABLE "May be given out, wrapped for a recipient"
#define ZEROIZE "Remove key pairs for good"
#define LABEL_OR_ALL "Label of the key pair (all of them)"
#define AUTHENTICATION "Keys that users log in with"
#define SSH_CLIENT "Keys with which users log in elsewhere over ssh"
#define USERNAME "Another user's"
#define USER "Name of the user (your own)"
#define SLOTS "The second key (the first)", "The third key", "The fourth key"
#define TRUSTPOINT "Name of the trustpoint"
#define CRL_MODES                                                                                  \
    "Each certificate needs one|One that cannot be had is no reason|They are not looked at"
#define CERTIFICATES "Certificates of trustpoints"
#define TRUSTPOOL "The pool of trusted CA certificates"
#define FORCE "Also when many certificates would go"
#define HOST_KEY                                                                                   \
    "Key of the server, for sftp and scp (the configured one)",                                    \
        "Its SHA-256 fingerprint, as ssh-keygen -l shows it"
#define CONFIGURATION "The configuration"
#define CHANGES "What is changed"
#define COMMITS "Commits"
#define COMMIT "ID or label of a commit"
#define HOW_MANY "How many"
#define MARKED "Old lines and new ones, marked - and +"
#define LOAD "Enter many lines at once"
#define TERMINAL "Settings of this terminal"

static const char dossier[] = "show platform security integrity dossier [include {<selector:"
                              "packages|reboot-history|rollback-history|"
                              "system-integrity-snapshot|system-inventory|filesystem-inventory>}] "
                              "[{location <location:word(1-32)>|nonce <nonce:nonce>|"
                              "filesystem-inventory-options <files:quoted(1-2048)>|"
                              "verify-packages}]";
#define MONTHS                                                                                     \
    "january|february|march|april|may|june|july|august|september|october|november|december"
#define MONTHS_HELP "|||||||||||"
static const char logging[] =
    "show logging [{last <n:number(1-100000)>|process <name:word(1-64)>|string <text:word(1-128)>|"
    "severity <level:emergencies|alerts|critical|errors|warnings|notifications|informational|"
    "debugging>|start <from-month:" MONTHS "> <from-day:number(1-31)> <from-time:word(5-8)>|"
    "end <to-month:" MONTHS "> <to-day:number(1-31)> <to-time:word(5-8)>}]";

static const char selectors_help[] =
    "Installed software|Starts of the system|Commits of the configuration|"
    "Boot, kernel and measurement facts|Hardware and its parts|Files, as the snapshots have them";

static const char severities_help[] =
    "The system cannot be used|Something has to be done at once|Critical|Errors|Warnings|"
    "What is notable|What is normal|What helps to find faults";

const GrammarCommand cli_commands[] = {
    {"abort", HELP("Leave configuration mode, drop the changes"), 0,
     ACTION(cli_config_abort, CLI_CONFIG | CLI_QUIET)},
    {"clear", HELP("Drop the changes of this session"), 0,
     ACTION(cli_config_clear, CLI_CONFIG | CLI_QUIET)},
    {"clear crypto ca certificates <trustpoint:label>",
     HELP("Remove data", CRYPTO, CA, CERTIFICATES, TRUSTPOINT), 0, ACTION(cli_ca_clear, CLI_EXEC)},
    {"clear crypto ca crl", HELP("Remove data", CRYPTO, CA, "The cached revocation lists"), 0,
     ACTION(cli_crl_clear, CLI_EXEC)},
    {"commit [{label <label:label>|confirmed [<seconds:number(30-65535)>|minutes "
     "<minutes:number(1-1024)>]|best-effort|force|replace|save-running filename "
     "<file:word(1-1024)>|show-error|comment <comment:line(1-256)>}]",
     HELP("Make the changes the running configuration", "Name this commit",
          "Letters, digits, -, _ and .", "Undo it unless another commit confirms it",
          "Seconds until then (600)", "Time in minutes", "Minutes until then",
          "Leave out what is refused", "Although the disk is nearly full, and without a question",
          "Replace all of the configuration with what was entered here",
          "Save the running configuration afterwards", "In a file", "Path of the file",
          "Show what fails at once", "Say why", "The rest of the line"),
     0, ACTION(cli_config_commit, CLI_CONFIG)},
    {"configure [terminal|exclusive]",
     HELP("Enter configuration mode", "From this terminal", "And keep others from committing"), 0,
     ACTION(cli_configure, CLI_EXEC | CLI_MODE)},
    {"copy running-config <file:word(1-1024)>",
     HELP("Copy to a file", "The running configuration", "Path of the file"), 0,
     ACTION(cli_copy_running, CLI_EXEC)},
    {"crypto ca authenticate <trustpoint:label> [<path:word(1-1024)>] "
     "[fingerprint <fingerprint:word(40-95)>]",
     HELP(CRYPTO, CA, "Obtain the CA certificate", TRUSTPOINT,
          "File with the CA certificate (of 'enrollment local')",
          "Believe it when it has this fingerprint (somebody is asked)",
          "SHA-256 or SHA-1, hexadecimal digits"),
     0, ACTION(cli_ca_authenticate, CLI_EXEC)},
    {"crypto ca cancel-enroll <trustpoint:label>",
     HELP(CRYPTO, CA, "Forget the open request", TRUSTPOINT), 0, ACTION(cli_ca_cancel, CLI_EXEC)},
    {"crypto ca enroll <trustpoint:label> [<path:word(1-1024)>]",
     HELP(CRYPTO, CA, "Obtain the router certificate", TRUSTPOINT,
          "File to write the request to (of 'enrollment local')"),
     0, ACTION(cli_ca_enroll, CLI_EXEC)},
    {"crypto ca import <trustpoint:label> certificate [<path:word(1-1024)>]",
     HELP(CRYPTO, CA, "Take in the certificate that a CA made of the request", TRUSTPOINT,
          "The router certificate", "File with the certificate (pasted here, or fetched)"),
     0, ACTION(cli_ca_import, CLI_EXEC)},
    {"crypto ca import <trustpoint:label> serial-number <serial:word(1-60)>",
     HELP(CRYPTO, CA, "Take in the certificate that a CA made of the request", TRUSTPOINT,
          "The one with this serial number (asked for over SCEP)", "Hexadecimal digits"),
     0, ACTION(cli_ca_import_serial, CLI_EXEC)},
    {"crypto ca crl request (<trustpoint:label>|<url:url(1-2048)>)",
     HELP(CRYPTO, CA, "Revocation lists", "Fetch one, or those of a trustpoint", TRUSTPOINT,
          "http:// or ldap:// URL of the list"),
     0, ACTION(cli_crl_request, CLI_EXEC)},
    {"crypto ca trustpool diff url <url:url(1-800)> [host-key <fingerprint:word(1-64)>]",
     HELP(CRYPTO, CA, TRUSTPOOL, "Show what an import would change", "From a server",
          "URL of the bundle: http, https, ftp, tftp, sftp or scp", HOST_KEY),
     0, ACTION(cli_trustpool_diff, CLI_EXEC | CLI_JSON)},
    {"crypto ca trustpool import url clean",
     HELP(CRYPTO, CA, TRUSTPOOL, "Replace the downloaded certificates", "From a server",
          "Remove the downloaded certificates"),
     0, ACTION(cli_trustpool_clean, CLI_EXEC)},
    {"crypto ca trustpool import terminal [force]",
     HELP(CRYPTO, CA, TRUSTPOOL, "Replace the downloaded certificates", "From what is pasted",
          FORCE),
     0, ACTION(cli_trustpool_import_terminal, CLI_EXEC)},
    {"crypto ca trustpool import url <url:url(1-800)> [host-key <fingerprint:word(1-64)>] [force]",
     HELP(CRYPTO, CA, TRUSTPOOL, "Replace the downloaded certificates", "From a server",
          "URL of the bundle: http, https, ftp, tftp, sftp, scp, or file for one of your own",
          HOST_KEY, FORCE),
     0, ACTION(cli_trustpool_import, CLI_EXEC)},
    {"crypto key export <label:label> wrapped [algorithm "
     "<algorithm:rsa|ecdsanistp256|ecdsanistp384|ecdsanistp521|ed25519|dsa>] "
     "[recipient <path:word(1-1024)>]",
     HELP(CRYPTO, KEYS, "Give out a key that is exportable", "Label of the key pair",
          "Encrypted for the owner of a certificate", "Where several keys have that label",
          "RSA|ECDSA, NIST P-256|ECDSA, NIST P-384|ECDSA, NIST P-521|Ed25519|DSA",
          "The certificate", "File with the certificate (typed here)"),
     0, ACTION(cli_key_export, CLI_EXEC)},
    {"crypto key generate authentication-ssh rsa [username <label:label>|<label:label>]",
     HELP(CRYPTO, KEYS, GENERATE, SSH_CLIENT, "RSA", USERNAME, USER, USER), 0,
     ACTION(cli_key_generate, CLI_EXEC)},
    {"test crypto ca at <date:word(1-20)>",
     HELP("Test", CRYPTO, CA, "What would break until then, if nobody did anything",
          "Date (2027-03-01) or time (2027-03-01T12:30:00Z), UTC"),
     0, ACTION(cli_foresee, CLI_EXEC | CLI_JSON)},
    {"crypto ca trustpool verify url <url:url(1-800)> [{purpose "
     "<purpose:tls-server|tls-client|any>|"
     "name <name:word(1-253)>|revocation <revocation:required|optional|none>}]",
     HELP(CRYPTO, CA, TRUSTPOOL, "Verify a certificate against the pool", "From a file",
          "file:// URL of the certificate, those that lead to a CA, and CRLs, in PEM",
          "What it is to be used for (any)", "TLS server|TLS client|Anything",
          "What it has to be for", "Host name or IP address", "What CRLs mean", CRL_MODES),
     0, ACTION(cli_trustpool_verify, CLI_EXEC | CLI_JSON)},
    {"crypto key generate dsa [<label:label> [exportable]]",
     HELP(CRYPTO, KEYS, GENERATE, "DSA", LABEL, EXPORTABLE), 0, ACTION(cli_key_generate, CLI_EXEC)},
    {"crypto key generate ecdsa <curve:nistp256|nistp384|nistp521> [<label:label> [exportable]]",
     HELP(CRYPTO, KEYS, GENERATE, "ECDSA", "NIST curve P-256|NIST curve P-384|NIST curve P-521",
          LABEL, EXPORTABLE),
     0, ACTION(cli_key_generate, CLI_EXEC)},
    {"crypto key generate ed25519 [<label:label> [exportable]]",
     HELP(CRYPTO, KEYS, GENERATE, "Ed25519", LABEL, EXPORTABLE), 0,
     ACTION(cli_key_generate, CLI_EXEC)},
    {"crypto key generate rsa [general-keys|usage-keys] [<label:label> [exportable]]",
     HELP(CRYPTO, KEYS, GENERATE, "RSA", "One pair for signing and encryption",
          "One pair for signing, and one for encryption", LABEL, EXPORTABLE),
     0, ACTION(cli_key_generate, CLI_EXEC)},
    {"crypto key import wrapped [<path:word(1-1024)>]",
     HELP(CRYPTO, KEYS, "Import a public key, or what was exported",
          "A key that is encrypted for one of this router's", "File with the key (typed here)"),
     0, ACTION(cli_key_import, CLI_EXEC)},
    {"crypto key import authentication rsa [username <user:word(1-31)>] [<path:word(1-1024)>] "
     "[second|third|fourth]",
     HELP(CRYPTO, KEYS, "Import a public key, or what was exported", AUTHENTICATION, "RSA",
          USERNAME, USER, "File with the key (typed here)", SLOTS),
     0, ACTION(cli_user_key_import, CLI_EXEC)},
    {"crypto key zeroize authentication rsa [username <user:word(1-31)>] [second|third|fourth]",
     HELP(CRYPTO, KEYS, ZEROIZE, AUTHENTICATION, "RSA", USERNAME, USER, SLOTS), 0,
     ACTION(cli_user_key_zeroize, CLI_EXEC)},
    {"crypto key zeroize authentication rsa all",
     HELP(CRYPTO, KEYS, ZEROIZE, AUTHENTICATION, "RSA", "Every key of every user"), 0,
     ACTION(cli_user_key_zeroize, CLI_EXEC)},
    {"crypto key zeroize authentication-ssh rsa [<label:label>]",
     HELP(CRYPTO, KEYS, ZEROIZE, SSH_CLIENT, "RSA", "Name of the user (every user's)"), 0,
     ACTION(cli_key_zeroize, CLI_EXEC)},
    {"crypto key zeroize dsa [<label:label>]", HELP(CRYPTO, KEYS, ZEROIZE, "DSA", LABEL_OR_ALL), 0,
     ACTION(cli_key_zeroize, CLI_EXEC)},
    {"crypto key zeroize ecdsa <curve:nistp256|nistp384|nistp521> [<label:label>]",
     HELP(CRYPTO, KEYS, ZEROIZE, "ECDSA", "NIST curve P-256|NIST curve P-384|NIST curve P-521",
          LABEL_OR_ALL),
     0, ACTION(cli_key_zeroize, CLI_EXEC)},
    {"crypto key zeroize ed25519 [<label:label>]",
     HELP(CRYPTO, KEYS, ZEROIZE, "Ed25519", LABEL_OR_ALL), 0, ACTION(cli_key_zeroize, CLI_EXEC)},
    {"crypto key zeroize rsa [<label:label>]", HELP(CRYPTO, KEYS, ZEROIZE, "RSA", LABEL_OR_ALL), 0,
     ACTION(cli_key_zeroize, CLI_EXEC)},
    {"describe <command:line>",
     HELP("Show which tasks a command needs", "The command, which is not run"), 0,
     ACTION(cli_describe, BOTH)},
    {"do <command:line>", HELP("Run an EXEC command", "The command"), 0, ACTION(NULL, CLI_CONFIG)},
    {"end", HELP("Back to EXEC mode"), 0, ACTION(cli_exec_end, EXEC_LEAVES)},
    {"end", HELP("Leave configuration mode"), 0, ACTION(cli_config_end, CLI_CONFIG | CLI_QUIET)},
    {"exit", HELP("Leave the shell"), 0, ACTION(cli_exec_exit, EXEC_LEAVES)},
    {"exit", HELP("Leave this mode"), 0, ACTION(cli_config_exit, CLI_CONFIG | CLI_QUIET)},
    {"filesystem-inventory snapshot [{full|dir-set <set:number(1-5)>}]",
     HELP("Snapshots of all files", "Take one now", "Of all files, changed or not",
          "Of a set of folders only", "Number of the set in the configuration"),
     0, ACTION(cli_inventory_snapshot, CLI_EXEC)},
    {"load <file:word(1-1024)>", HELP(LOAD, "Path of the file"), 0, ACTION(cli_load, CLI_CONFIG)},
    {"load commit changes (all|last <which:number(1-1000)>|since <which:label>|<which:label>)",
     HELP(LOAD, "Commits", "What they changed", "All that are kept", "The last ones", HOW_MANY,
          "This commit and those after it", COMMIT, COMMIT),
     0, ACTION(cli_load_commit, CLI_CONFIG)},
    {"load rollback changes (last <which:number(1-1000)>|to <which:label>)",
     HELP(LOAD, "What a rollback would do", CHANGES, "Of the last commits", HOW_MANY,
          "Back to before this commit", COMMIT),
     0, ACTION(cli_load_rollback, CLI_CONFIG)},
    {"logout", HELP("Leave the shell"), 0, ACTION(cli_exec_exit, EXEC_LEAVES)},
    {"pwd", HELP("Show the current mode"), 0, ACTION(cli_config_pwd, CLI_CONFIG | CLI_QUIET)},
    {"quit", HELP("Leave the shell"), 0, ACTION(cli_exec_exit, EXEC_LEAVES)},
    {"rollback configuration "
     "(last <which:number(1-1000)>|to <which:label>|to-exclude <which:label>|<which:label>)",
     HELP("Undo commits", CONFIGURATION, "The last ones", HOW_MANY,
          "This commit and those after it", COMMIT, "Those after this commit", COMMIT, COMMIT),
     0, ACTION(cli_rollback, CLI_EXEC)},
    {"root", HELP("To the top of the configuration"), 0,
     ACTION(cli_config_root, CLI_CONFIG | CLI_QUIET)},
    {"show aaa task supported", HELP(SHOW, AAA, "Task IDs", "All that there are"), 0,
     ACTION(cli_show_tasks, BOTH)},
    {"show aaa taskgroup [<name:label>]",
     HELP(SHOW, AAA, "Task groups, with the tasks that they hold", "Name of the group (all)"), 0,
     ACTION(cli_show_aaa, BOTH | CLI_JSON)},
    {"show aaa userdb [<name:label>]",
     HELP(SHOW, AAA, "Users of the configuration", "Name of the user (all)"), 0,
     ACTION(cli_show_aaa, BOTH | CLI_JSON)},
    {"show aaa usergroup [<name:label>]",
     HELP(SHOW, AAA, "User groups, with the tasks that they hold", "Name of the group (all)"), 0,
     ACTION(cli_show_aaa, BOTH | CLI_JSON)},
    {"show clock", HELP(SHOW, "The time"), 0, ACTION(cli_show_clock, BOTH | CLI_HERE)},
    {"show configuration", HELP(SHOW, CONFIGURATION), 0, ACTION(cli_show_candidate, CLI_CONFIG)},
    {"show commit changes diff", HELP(SHOW, "What a commit would do", CHANGES, MARKED), 0,
     ACTION(cli_show_difference, CLI_CONFIG)},
    {"show configuration changes diff", HELP(SHOW, CONFIGURATION, CHANGES, MARKED), 0,
     ACTION(cli_show_difference, CLI_CONFIG)},
    {"show configuration commit changes "
     "(all|last <which:number(1-1000)>|since <which:label>|<which:label>) [diff]",
     HELP(SHOW, CONFIGURATION, COMMITS, CHANGES, "All that are kept", "The last ones", HOW_MANY,
          "This commit and those after it", COMMIT, COMMIT, MARKED),
     0, ACTION(cli_show_commit_changes, BOTH)},
    {"show configuration commit list [<max:number(1-1000)>] [detail]",
     HELP(SHOW, CONFIGURATION, COMMITS, "The newest first", HOW_MANY, "With label and comment"), 0,
     ACTION(cli_show_commit_list, BOTH | CLI_JSON)},
    {"show configuration failed startup",
     HELP(SHOW, CONFIGURATION, "What failed", "When the router started"), 0,
     ACTION(cli_show_startup_failed, BOTH)},
    {"show configuration failed [inheritance]",
     HELP(SHOW, CONFIGURATION, "Why the last commit failed", "With what is inherited"), 0,
     ACTION(cli_show_failed, CLI_CONFIG)},
    {"show configuration history [last <max:number(1-1000)>] [detail]",
     HELP(SHOW, CONFIGURATION, "What has happened to it, the newest first", "Only so many",
          HOW_MANY, "With label, user and comment"),
     0, ACTION(cli_show_history, BOTH)},
    {"show configuration merge", HELP(SHOW, CONFIGURATION, "The running one with the changes"), 0,
     ACTION(cli_show_merged, CLI_CONFIG)},
    {"show configuration rollback changes (last <which:number(1-1000)>|to <which:label>)",
     HELP(SHOW, CONFIGURATION, "What a rollback would do", CHANGES, "Of the last commits", HOW_MANY,
          "Back to before this commit", COMMIT),
     0, ACTION(cli_show_rollback_changes, BOTH)},
    {"show configuration sessions [detail]",
     HELP(SHOW, CONFIGURATION, "Who is in configuration mode, and may commit", "All about each"), 0,
     ACTION(cli_show_sessions, BOTH)},
    {"show crypto ca certificates [<trustpoint:label> [detail]]",
     HELP(SHOW, CRYPTO, CA, CERTIFICATES, TRUSTPOINT, "With SHA-256 fingerprints and PEM"), 0,
     ACTION(cli_show_ca_certificates, BOTH | CLI_JSON)},
    {"show crypto ca crls [detail]",
     HELP(SHOW, CRYPTO, CA, "The cached revocation lists", "Number, kind and size too"), 0,
     ACTION(cli_show_crls, BOTH | CLI_JSON)},
    {"show crypto ca trustpoints [<trustpoint:label>]",
     HELP(SHOW, CRYPTO, CA, "How far trustpoints are, and what comes next", TRUSTPOINT), 0,
     ACTION(cli_show_ca_trustpoints, BOTH | CLI_JSON)},
    {"show crypto ca trustpool [detail] [subject <text:quoted(1-256)>|fingerprint "
     "<text:word(2-64)>]",
     HELP(SHOW, CRYPTO, CA, TRUSTPOOL, "Fingerprint, key strength and state too",
          "Only some of them, by subject", "Part of the subject",
          "Only some of them, by fingerprint", "Its first hex digits, SHA-1 or SHA-256"),
     0, ACTION(cli_show_trustpool, BOTH | CLI_JSON)},
    {"show crypto ca trustpool policy",
     HELP(SHOW, CRYPTO, CA, TRUSTPOOL, "Where it comes from, and what may be in it"), 0,
     ACTION(cli_show_trustpool_policy, BOTH | CLI_JSON)},
    {"show crypto key authentication rsa [all|username <user:word(1-31)>]",
     HELP(SHOW, CRYPTO, KEYS, AUTHENTICATION, "RSA", "Of every user", USERNAME, USER), 0,
     ACTION(cli_show_user_key, BOTH | CLI_JSON)},
    {"show crypto key mypubkey authentication-ssh rsa",
     HELP(SHOW, CRYPTO, KEYS, "Public keys of this router", SSH_CLIENT, "RSA"), 0,
     ACTION(cli_show_key, BOTH | CLI_JSON)},
    {"show crypto key mypubkey <type:rsa|dsa|ecdsa|ed25519>",
     HELP(SHOW, CRYPTO, KEYS, "Public keys of this router",
          "RSA keys|DSA keys|ECDSA keys|Ed25519 keys"),
     0, ACTION(cli_show_key, BOTH | CLI_JSON)},
    {dossier,
     HELP(SHOW, "The platform", "Security of the platform", "Integrity of the platform",
          "Collect evidence as JSON", "Only these parts (all but filesystem-inventory)",
          selectors_help, "Of another node, or of all", "Name of a node, or all",
          "Repeat a nonce in the dossier", "Decimal digits, or 0x and hexadecimal digits",
          "Which blocks of the inventory",
          "JSON: {\"0/RP0/CPU0\": {\"block_start\": 0, \"count\": 1}}",
          "Their files against their digests: reads all of them"),
     0, ACTION(cli_show_dossier, BOTH)},
    {logging,
     HELP(SHOW, "Messages of this subsystem", "The newest ones", HOW_MANY, "Of one process",
          "Name: policyd, keyd, enrolld, poold, dossierd, hostd, ...", "With this text in them",
          "The text", "Of a severity and of worse ones", severities_help, "From a time on",
          MONTHS_HELP, "Day of the month", "Time, hh:mm or hh:mm:ss", "Up to a time", MONTHS_HELP,
          "Day of the month", "Time, hh:mm or hh:mm:ss"),
     0, ACTION(cli_show_logging, BOTH | CLI_JSON)},
    {"show filesystem-inventory [detail]",
     HELP(SHOW, "Snapshots of all files", "What was left out, and digests of blocks too"), 0,
     ACTION(cli_show_inventory, BOTH | CLI_JSON)},
    {"show running-config [{<section:word>}]",
     HELP(SHOW, "The running configuration", "Words of a section"), 0,
     ACTION(cli_show_running, BOTH | CLI_JSON)},
    {"show task supported", HELP(SHOW, "Task IDs", "All that there are"), 0,
     ACTION(cli_show_tasks, BOTH)},
    {"show tech-support", HELP(SHOW, "All that an engineer asks for, without secrets"), 0,
     ACTION(cli_show_tech_support, BOTH)},
    {"show user [all|group|tasks]",
     HELP(SHOW, "You", "Name, groups and tasks", "Your user groups", "The tasks that you hold"), 0,
     ACTION(cli_show_user, BOTH | CLI_JSON)},
    {"show users", HELP(SHOW, "Who is logged in"), 0, ACTION(cli_show_users, BOTH | CLI_HERE)},
    {"show version", HELP(SHOW, "Software and system"), 0,
     ACTION(cli_show_version, BOTH | CLI_HERE)},
    {"terminal exec prompt no-timestamp",
     HELP(TERMINAL, "EXEC commands", "What comes before the output", "No time line"), 0,
     ACTION(cli_terminal_no_timestamp, CLI_EXEC)},
    {"terminal exec prompt timestamp",
     HELP(TERMINAL, "EXEC commands", "What comes before the output", "A time line"), 0,
     ACTION(cli_terminal_timestamp, CLI_EXEC)},
    {"terminal length <lines:number(0-512)>",
     HELP(TERMINAL, "Lines of a page", "Number; 0 for no pages"), 0,
     ACTION(cli_terminal_length, CLI_EXEC)},
    {"terminal width <columns:number(0-512)>",
     HELP(TERMINAL, "Columns of the terminal", "Number; 0: as it was found"), 0,
     ACTION(cli_terminal_width, CLI_EXEC)},
    {0},
};

/* The rows of one mode, as a table of their own. */
typedef struct Mode {
    GrammarCommand rows[ELEMENTSOF(cli_commands)];
    Grammar *grammar;
    Grammar *first; /* of the first line only: most shells run one command and end */
} Mode;

static Mode exec_mode, config_mode;

static Mode *find_mode(unsigned flag)
{
    Mode *mode = flag == CLI_CONFIG ? &config_mode : &exec_mode;
    size_t n = 0;

    if (mode->rows[0].pattern)
        return mode;
    for (const GrammarCommand *row = cli_commands; row->pattern; row++)
        if (((const CliAction *)row->data)->flags & flag)
            mode->rows[n++] = *row;
    return mode;
}

const Grammar *cli_grammar(unsigned flag)
{
    Mode *mode = find_mode(flag == CLI_CONFIG ? CLI_CONFIG : CLI_EXEC);

    if (!mode->grammar)
        mode->grammar = grammar_new(mode->rows);
    return mode->grammar;
}

const Grammar *cli_grammar_for(unsigned flag, const char *line)
{
    Mode *mode = find_mode(flag == CLI_CONFIG ? CLI_CONFIG : CLI_EXEC);

    if (mode->grammar || mode->first)
        return cli_grammar(flag);
    return mode->first = grammar_new_for(mode->rows, line);
}

static void mode_done(Mode *mode)
{
    mode->grammar = grammar_free(mode->grammar);
    mode->first = grammar_free(mode->first);
}

void cli_grammar_done(void)
{
    mode_done(&exec_mode);
    mode_done(&config_mode);
}
