/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about trustpoints: states, the next step, why one is stuck. */
#include <inttypes.h>

#include "trustpoint.h"

/* It has gone out by another way than the one that is configured: nobody asks what has become. */
static bool is_orphan(const Trustpoint *t, const Request *request)
{
    return t->config && lifecycle_is_polling(&request->lifecycle) &&
           request->method != t->config->method;
}

bool trustpoint_is_asking(const Trustpoint *t)
{
    for (const Request *i = t->record.request; i; i = i->next)
        if (lifecycle_is_open(&i->lifecycle) && !is_orphan(t, i))
            return true;
    return false;
}

Request *trustpoint_polled_request(const Trustpoint *t, int64_t now)
{
    Request *first = NULL;

    for (Request *i = t->record.request; i && t->config; i = i->next)
        if (lifecycle_is_polling(&i->lifecycle) && !is_orphan(t, i) &&
            (!first || lifecycle_wait(&i->lifecycle, &t->config->retry, now) <
                           lifecycle_wait(&first->lifecycle, &t->config->retry, now)))
            first = i;
    return first;
}

bool trustpoint_is_enrolled(const Trustpoint *t)
{
    const StoredCertificate *router = t->record.certificates[ROLE_ROUTER];

    return router && (router->key.pair == PAIR_GENERAL || t->record.certificates[ROLE_ENCRYPTION]);
}

const char *trustpoint_state(const Trustpoint *t)
{
    const Request *request = t->record.request;

    if (trustpoint_unread(t))
        return "unreadable";
    if (trustpoint_is_enrolled(t))
        return trustpoint_is_asking(t) || trustpoint_replacement(t) != REPLACEMENT_NONE
                   ? "renewing"
                   : "enrolled";
    if (!t->record.certificates[ROLE_CA])
        return "none";
    if (!request)
        return "authenticated";
    return lifecycle_is_open(&request->lifecycle) || trustpoint_is_asking(t)
               ? "pending"
               : request_state_name(request->lifecycle.state);
}

static bool is_expired(const StoredCertificate *c, int64_t now)
{
    return now > c->brief->not_after;
}

/* Does the configuration still name the key that the certificate was made for? */
static bool is_key_configured(const Trustpoint *t, CertificateRole role)
{
    const KeyName *key = role == ROLE_CA ? &t->config->ca_keypair : &t->config->keypair;

    /* Not every CA is the router's own. */
    if (!t->record.certificates[role]->key.label)
        return true;
    return key_name_equal(key, &t->record.certificates[role]->key);
}

const char *certificate_status(const Trustpoint *t, CertificateRole role, int64_t now)
{
    if (is_expired(t->record.certificates[role], now))
        return "Expired";
    if (t->record.certificates[role]->revoked)
        return "Revoked";
    switch (t->key_states[role]) {
    case KEY_REPLACED:
        return "Key replaced";
    case KEY_MISSING:
        return "Key missing";
    case KEY_UNKNOWN:
    case KEY_SAME:
    default:
        return "Available";
    }
}

static const char *key_problem(const Trustpoint *t, CertificateRole role)
{
    if (t->key_states[role] == KEY_MISSING)
        return "is gone";
    if (t->key_states[role] == KEY_REPLACED)
        return "was replaced";
    return t->config && !is_key_configured(t, role) ? "is no longer the configured one" : NULL;
}

static const char *certificate_words(const Trustpoint *t, CertificateRole role)
{
    if (role == ROLE_CA)
        return "CA";
    if (role == ROLE_ENCRYPTION)
        return "encryption";
    return t->record.certificates[role]->key.pair == PAIR_SIGNATURE ? "signature" : "router";
}

/* Behind a command that reads or writes the operator's file. */
static const char *file_word(const Trustpoint *t)
{
    return t->config && t->config->method == METHOD_LOCAL ? " FILE" : "";
}

/* What is to be done about a CA that is not, or not any longer, the one that it was. */
static char *clear_words(const Trustpoint *t)
{
    char *text;

    return asprintf(&text, "clear crypto ca certificates %s, then authenticate and enroll",
                    t->name) < 0
               ? NULL
               : text;
}

/* The sentence about one certificate that has a problem. */
static int certificate_problem(const Trustpoint *t, CertificateRole role, int64_t now, char **ret)
{
    const StoredCertificate *c = t->record.certificates[role];
    _cleanup_free_ char *remedy = NULL;
    const char *what, *problem;

    if (!c)
        return 0;
    if (role == ROLE_CA)
        remedy = clear_words(t);
    else if (asprintf(&remedy, "crypto ca enroll %s%s", t->name, file_word(t)) < 0)
        remedy = NULL;
    if (!remedy)
        return -ENOMEM;
    what = certificate_words(t, role);
    problem = key_problem(t, role);
    if (is_expired(c, now))
        return asprintf(ret, "The %s certificate has expired: %s.", what, remedy) < 0 ? -ENOMEM : 1;
    if (c->revoked)
        return asprintf(ret, "The %s certificate is revoked, %s: %s.", what, c->revoked, remedy) < 0
                   ? -ENOMEM
                   : 1;
    if (problem)
        return asprintf(ret, "The %s key '%s' of the %s certificate %s: %s.", c->key.algorithm,
                        c->key.label, what, problem, remedy) < 0
                   ? -ENOMEM
                   : 1;
    return 0;
}

static const char *pair_words(const Request *request)
{
    static const char *const words[_PAIR_MAX] = {
        [PAIR_GENERAL] = "",
        [PAIR_SIGNATURE] = " for the signature key",
        [PAIR_ENCRYPTION] = " for the encryption key",
        [PAIR_NEXT] = " for the next key",
    };

    return words[request->key.pair];
}

/* The sentence about requests that wait for what the operator brings, or for what is on a server
 * then, which is fetched all at once. */
static int ready_words(const Trustpoint *t, const Request *request, char **ret)
{
    const char *file = file_word(t);

    if (request->next)
        return asprintf(ret,
                        "The two requests wait for their certificates: crypto ca import %s "
                        "certificate%s%s.",
                        t->name, file,
                        t->config && enrollment_method_has_files(t->config->method) ? ""
                                                                                    : ", twice");
    return asprintf(ret,
                    "The request%s waits for its certificate: crypto ca import %s certificate%s.",
                    pair_words(request), t->name, file);
}

/* The sentence about a request that waits, or that came to nothing. */
static int request_problem(const Trustpoint *t, char **ret)
{
    const Request *request = t->record.request;
    const char *reason;
    int n = 0;

    if (!request)
        return 0;
    /* What came to nothing needs somebody. */
    if (request->next && lifecycle_is_open(&request->lifecycle) &&
        !lifecycle_is_open(&request->next->lifecycle))
        request = request->next;
    reason = request->reason ? request->reason : "";
    if (is_orphan(t, request))
        return asprintf(ret,
                        "The request went out over %s, which is no longer configured: crypto ca "
                        "cancel-enroll %s, then crypto ca enroll %s.",
                        enrollment_method_name(request->method), t->name, t->name) < 0
                   ? -ENOMEM
                   : 1;
    switch (request->lifecycle.state) {
    case REQUEST_READY:
        n = ready_words(t, request, ret);
        break;
    case REQUEST_SENT:
    case REQUEST_PENDING:
        n = asprintf(ret, "The CA is asked again, %" PRIu32 " of %" PRIu32 " times so far%s%s.",
                     request->lifecycle.polls, t->config->retry.count, *reason ? ": " : "", reason);
        break;
    case REQUEST_REJECTED:
        n = asprintf(
            ret,
            "The CA rejected the request%s: %s. Settle that with the CA, then crypto ca enroll %s.",
            pair_words(request), reason, t->name);
        break;
    case REQUEST_TIMED_OUT:
        n = asprintf(ret,
                     "The CA was asked %" PRIu32
                     " times in vain%s%s. Have the request approved, then "
                     "crypto ca enroll %s.",
                     request->lifecycle.polls, *reason ? ": " : "", reason, t->name);
        break;
    case REQUEST_NONE:
    case _REQUEST_STATE_MAX:
    default:
        return 0;
    }
    return n < 0 ? -ENOMEM : 1;
}

/* Takes over the text. */
static char *add_sentence(char *text, const char *sentence, const char *reason)
{
    char *longer = NULL;

    if (!text || !reason)
        return text;
    if (asprintf(&longer, "%s %s: %s.", text, sentence, reason) < 0)
        longer = NULL;
    free(text);
    return longer;
}

static const char *replacement_text(const Trustpoint *t)
{
    switch (trustpoint_replacement(t)) {
    case REPLACEMENT_STAGED:
        return "The renewed certificate is put in place.";
    case REPLACEMENT_TRIAL:
        return "The renewed certificate has yet to prove itself.";
    case REPLACEMENT_UNDO:
        return "The renewed certificate has not proved itself: the previous one goes back.";
    case REPLACEMENT_NONE:
    default:
        return "";
    }
}

/* The sentence about a trustpoint whose certificates are not all there. */
static char *enroll_words(const Trustpoint *t)
{
    const char *what = "Request a certificate";
    char *text;

    if (t->record.certificates[ROLE_ROUTER])
        what = "The encryption key has no certificate";
    else if (t->record.certificates[ROLE_ENCRYPTION])
        what = "The signature key has no certificate";
    return asprintf(&text, "%s: crypto ca enroll %s%s.", what, t->name, file_word(t)) < 0 ? NULL
                                                                                          : text;
}

static char *other_enrollment_words(const Trustpoint *t)
{
    _cleanup_free_ char *remedy = clear_words(t);
    char *text;

    return !remedy || asprintf(&text, "The certificates are those of another enrollment: %s.",
                               remedy) < 0
               ? NULL
               : text;
}

/* The sentence about a renewal that is tried again. */
static char *renewal_words(const Trustpoint *t)
{
    const char *reason = t->record.renewal_reason ? t->record.renewal_reason : "";
    uint32_t n = t->record.renewal.failures;
    char *text;

    return asprintf(&text, "Renewal has failed %" PRIu32 " time%s, and is tried again%s%s.", n,
                    n == 1 ? "" : "s", *reason ? ": " : "", reason) < 0
               ? NULL
               : text;
}

static char *own_detail(const Trustpoint *t, int64_t now)
{
    char *text = NULL;
    int r;

    if (!t->config)
        return asprintf(&text,
                        "No longer configured; the certificates stay until clear crypto ca "
                        "certificates %s.",
                        t->name) < 0
                   ? NULL
                   : text;
    if (t->config->method == METHOD_NONE)
        return strdup("No enrollment is configured: 'enrollment url' or 'enrollment terminal'.");
    if (t->record.name && (t->config->method == METHOD_SELF) != (t->record.serial != NULL))
        return other_enrollment_words(t);
    if (t->asking && !trustpoint_is_asking(t))
        return asprintf(&text, "The CA is being asked: crypto ca cancel-enroll %s ends that.",
                        t->name) < 0
                   ? NULL
                   : text;
    r = request_problem(t, &text);
    if (r != 0)
        return r < 0 ? NULL : text;
    if (trustpoint_replacement(t) != REPLACEMENT_NONE)
        return add_sentence(strdup(replacement_text(t)), "It cannot be yet, and is tried again",
                            t->replacement_problem);
    for (CertificateRole role = ROLE_CA; r == 0 && role <= ROLE_ENCRYPTION; role++)
        r = certificate_problem(t, role, now, &text);
    if (r != 0)
        return r < 0 ? NULL : text;
    if (!t->record.certificates[ROLE_CA])
        return asprintf(&text, "Authenticate the CA: crypto ca authenticate %s%s.", t->name,
                        file_word(t)) < 0
                   ? NULL
                   : text;
    if (!trustpoint_is_enrolled(t))
        return enroll_words(t);
    if (t->record.renewal.failures > 0)
        return renewal_words(t);
    if (t->record.certificates[ROLE_NEXT_CA])
        return strdup("Ready; the next CA certificate is there, and takes over with the first "
                      "router certificate that it issues.");
    if (t->config->legacy)
        return strdup("Ready; 'enrollment legacy' admits SHA-1 and DES, which protect nothing.");
    return strdup("Ready.");
}

static char *unread_words(const UnreadRecord *unread)
{
    const char *folder = getenv("STATE_DIRECTORY");
    char *text;

    return asprintf(&text,
                    "Its state cannot be read, and nothing is done with it until it can be (%s): "
                    "see to %s/%s, which is tried again with each command for the trustpoint, and "
                    "every ten minutes.",
                    strerror(-unread->error), folder ? folder : ".", unread->file) < 0
               ? NULL
               : text;
}

char *trustpoint_detail(const Trustpoint *t, int64_t now)
{
    const UnreadRecord *unread = trustpoint_unread(t);
    char *text;

    if (unread)
        return unread_words(unread);
    text = own_detail(t, now);
    if (!t->config)
        return text;
    if (t->record.certificates[ROLE_ROUTER] || t->record.certificates[ROLE_ENCRYPTION])
        text = add_sentence(text, "Whether its certificate is revoked is not known",
                            t->revocation_problem);
    if (text && t->record.refusal && !strstr(text, t->record.refusal))
        text = add_sentence(text, "The last certificate that came was refused", t->record.refusal);
    return add_sentence(text, "The next CA certificate cannot be had, and is asked for again",
                        t->record.rollover_reason);
}

int trustpoint_signer_check(const Trustpoint *t, int64_t now, const char **ret_reason)
{
    if (t && trustpoint_unread(t)) {
        *ret_reason = "The state of the system trustpoint cannot be read: show crypto ca "
                      "trustpoints says why";
        return -EIO;
    }
    if (!t || !t->record.certificates[ROLE_ROUTER]) {
        *ret_reason = "The system trustpoint has no router certificate: authenticate and enroll it";
        return -ENODATA;
    }
    if (!t->config) {
        *ret_reason = "The system trustpoint is no longer configured";
        return -ENODATA;
    }
    if (is_expired(t->record.certificates[ROLE_CA], now) ||
        is_expired(t->record.certificates[ROLE_ROUTER], now)) {
        *ret_reason = "The certificates of the system trustpoint have expired: clear them, "
                      "authenticate and enroll again";
        return -EKEYEXPIRED;
    }
    if (key_problem(t, ROLE_ROUTER)) {
        *ret_reason = "The key pair of the system trustpoint has changed: enroll again";
        return -ENODATA;
    }
    return 0;
}
