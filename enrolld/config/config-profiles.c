/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: with what the router makes itself known to servers. They stand beside the trustpoints,
 * which name them. */
#include "config-reader.h"
#include "json-util.h"
#include "label.h"
#include "names.h"

#define PROFILES_MAX 1000
#define USER_MAX 256U
#define CLIENT_WORDS "client-authentication profile"
#define SSL_WORDS "ssl profile"
#define LINE_SIZE 512U

/* What a trustpoint reads of a profile is part of its own configuration. */
static void append_text(Reader *reader, TrustpointConfig *config, json_object *profile)
{
    const char *text = json_object_to_json_string_ext(profile, JSON_C_TO_STRING_PLAIN);
    char *longer;

    if (!text || asprintf(&longer, "%s\n%s", config->fingerprint, text) < 0) {
        reader->error = -ENOMEM;
        return;
    }
    free(config->fingerprint);
    config->fingerprint = longer;
}

static json_object *find_profile(Reader *reader, const char *member, const char *kind,
                                 const char *words, const char *name)
{
    json_object *all, *profile;

    if (json_get_object(reader->section, member, &all) >= 0 &&
        json_get_object(all, name, &profile) >= 0)
        return profile;
    reader_problem(reader, words, name, "there is no '%s %s'", kind, name);
    return NULL;
}

/* --- Client authentication -------------------------------------------------------------------- */

static void read_client(Reader *reader, const char *words, const char *name,
                        TrustpointConfig *config, ClientProfile *ret)
{
    json_object *profile = find_profile(reader, CLIENT_PROFILES, CLIENT_WORDS, words, name);
    const char *user, *password;

    if (!profile)
        return;
    if (json_get_string(profile, "username", &user) < 0 ||
        json_get_string(profile, SECRET_CLIENT, &password) < 0) {
        reader_problem(reader, words, name,
                       "'" CLIENT_WORDS " %s' needs both 'username' and 'password'", name);
        return;
    }
    reader_copy(reader, user, &ret->user);
    reader_copy(reader, password, &ret->password);
    append_text(reader, config, profile);
}

static void read_client_profiles(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char words[] = "enrollment authentication-profile",
                      again[] = "re-enrollment authentication-profile";
    static const char *const known[] = {"authentication-profile", NULL};
    json_object *enrollment, *renewal = reader_object(reader, o, "re-enrollment", known);
    const char *name = NULL, *next = NULL;

    if (json_get_object(o, "enrollment", &enrollment) >= 0)
        name = reader_string(reader, enrollment, "authentication-profile", words, LABEL_MAX);
    if (renewal)
        next = reader_string(reader, renewal, "authentication-profile", again, LABEL_MAX);
    if (name && config->method != METHOD_EST && config->method != METHOD_CMP)
        reader_problem(reader, words, name,
                       "has an effect only with 'method est' or 'method cmp' and the URL of their "
                       "server");
    else if (name)
        read_client(reader, words, name, config, &config->enrollment);
    if (next && config->method != METHOD_EST)
        reader_problem(reader, again, next,
                       "has an effect only with 'method est' and the URL of its server");
    else if (next && config->auto_enroll == 0)
        reader_problem(reader, again, next, "has an effect only with 'auto-enroll'");
    else if (next)
        read_client(reader, again, next, config, &config->renewal);
}

/* --- TLS -------------------------------------------------------------------------------------- */

static bool has_dsa_key(json_object *trustpoint)
{
    const char *algorithm;
    json_object *pair;

    return json_get_object(trustpoint, "keypair", &pair) >= 0 &&
           json_get_string(pair, "algorithm", &algorithm) >= 0 && streq(algorithm, "dsa");
}

static void read_ssl_profile(Reader *reader, json_object *o, TrustpointConfig *config)
{
    static const char words[] = "ssl-profile";
    const char *name = reader_string(reader, o, words, words, LABEL_MAX), *trustpoint;
    json_object *profile, *all, *other;

    if (name && config->method != METHOD_EST) {
        reader_problem(reader, words, name,
                       "has an effect only with 'method est' and the URL of its server");
        return;
    }
    profile = name ? find_profile(reader, SSL_PROFILES, SSL_WORDS, words, name) : NULL;
    if (!profile)
        return;
    if (json_get_string(profile, "certificate", &trustpoint) < 0)
        reader_problem(reader, words, name, "'" SSL_WORDS " %s' needs 'certificate'", name);
    else if (streq(trustpoint, reader->name))
        reader_problem(reader, words, name,
                       "'" SSL_WORDS " %s' names this trustpoint, whose certificate is shown "
                       "without the line",
                       name);
    else if (json_get_object(reader->section, "trustpoint", &all) >= 0 &&
             json_get_object(all, trustpoint, &other) >= 0 && has_dsa_key(other))
        reader_problem(reader, words, name, "the key of trustpoint %s is none for TLS: it is DSA",
                       trustpoint);
    else {
        reader_copy(reader, trustpoint, &config->tls_trustpoint);
        append_text(reader, config, profile);
    }
}

void read_profiles(Reader *reader, json_object *o, TrustpointConfig *config)
{
    read_client_profiles(reader, o, config);
    read_ssl_profile(reader, o, config);
}

/* --- All of them ------------------------------------------------------------------------------ */

typedef struct Check {
    json_object *section;
    config_report_t report;
    void *userdata;
    int problems;
} Check;

static int problem(Check *check, const char *kind, const char *name, const char *words,
                   const char *reason)
{
    char line[LINE_SIZE];

    (void)snprintf(line, sizeof(line), "%s %.127s%s%s", kind, name, words[0] ? " " : "", words);
    check->problems++;
    return check->report(check->userdata, line, reason) < 0 ? -EIO : 0;
}

/* RFC 7617: a colon ends the name. */
static const char *refuse_user(const char *user)
{
    if (!user[0] || strlen(user) > USER_MAX)
        return "must be text of 1 to 256 characters";
    for (const char *p = user; *p; p++)
        if (*p == ':' || (unsigned char)*p < 0x20 || *p == 0x7f)
            return "a user name has neither a colon nor control characters";
    return NULL;
}

static int check_client(Check *check, const char *name, json_object *profile)
{
    static const char *const known[] = {"username", SECRET_CLIENT, NULL};
    const char *user, *password, *reason;
    int r;

    if (!label_is_valid(name) || !json_object_is_type(profile, json_type_object) ||
        json_only_members(profile, known) < 0)
        return problem(check, CLIENT_WORDS, name, "", "is not known in this form");
    r = json_get_string(profile, "username", &user);
    reason = r == -ENOENT ? NULL : r < 0 ? "must be text" : refuse_user(user);
    if (reason)
        return problem(check, CLIENT_WORDS, name, "username", reason);
    r = json_get_string(profile, SECRET_CLIENT, &password);
    return r != -ENOENT && (r < 0 || strlen(password) > SEALED_MAX)
               ? problem(check, CLIENT_WORDS, name, "password", "is none that was sealed")
               : 0;
}

static int check_ssl(Check *check, const char *name, json_object *profile)
{
    static const char *const known[] = {"certificate", NULL};
    char words[LABEL_MAX + STRLEN("certificate ") + 1];
    json_object *all, *trustpoint;
    const char *label;
    int r;

    if (!label_is_valid(name) || !json_object_is_type(profile, json_type_object) ||
        json_only_members(profile, known) < 0)
        return problem(check, SSL_WORDS, name, "", "is not known in this form");
    r = json_get_string(profile, "certificate", &label);
    if (r == -ENOENT)
        return 0;
    if (r < 0 || !label_is_valid(label))
        return problem(check, SSL_WORDS, name, "certificate", "is not the name of a trustpoint");
    (void)snprintf(words, sizeof(words), "certificate %s", label);
    return json_get_object(check->section, "trustpoint", &all) >= 0 &&
                   json_get_object(all, label, &trustpoint) >= 0
               ? 0
               : problem(check, SSL_WORDS, name, words, "there is no such trustpoint");
}

static int check_each(Check *check, const char *member, const char *kind,
                      int (*one)(Check *check, const char *name, json_object *profile))
{
    json_object *all;
    int r = json_get_object(check->section, member, &all);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || json_object_object_length(all) > PROFILES_MAX) {
        check->problems++;
        return check->report(check->userdata, kind, "there can be at most 1000 of them") < 0 ? -EIO
                                                                                             : 0;
    }
    json_object_object_foreach(all, name, profile)
    {
        r = one(check, name, profile);
        if (r < 0)
            return r;
    }
    return 0;
}

int check_profiles(json_object *section, config_report_t report, void *userdata)
{
    Check check = {.section = section, .report = report, .userdata = userdata};
    int r = check_each(&check, CLIENT_PROFILES, CLIENT_WORDS, check_client);

    if (r >= 0)
        r = check_each(&check, SSL_PROFILES, SSL_WORDS, check_ssl);
    return r < 0 ? r : check.problems;
}
