/* SPDX-License-Identifier: Apache-2.0 */
/* The layouts of the router, as pure functions: tools parse them by column. Strings come from the
 * bus; control characters in them, line ends included, are escaped here, so that no value can look
 * like another line. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct KeyView {
    const char *label, *algorithm, *usage;
    uint32_t size;
    uint64_t created; /* microseconds */
    const uint8_t *data;
    size_t data_size;
    bool exportable;
} KeyView;

typedef struct UserKeyView {
    const char *user;
    uint32_t slot, size;
    uint64_t imported; /* microseconds */
    const uint8_t *data;
    size_t data_size;
} UserKeyView;

typedef struct CertificateView {
    const char *trustpoint, *role, *key_usage, *status;
    const char *serial_number, *subject, *issuer, *sha1_fingerprint, *sha256_fingerprint;
    int64_t not_before, not_after;
    const uint8_t *data;
    size_t data_size;
} CertificateView;

typedef struct CommitView {
    uint64_t id, time; /* microseconds */
    const char *user, *line, *client, *label, *comment;
    const char *warnings; /* a line each; NULL for none */
} CommitView;

void render_text(FILE *f, const char *text);

/* Groups of 8 digits, 8 groups on a line. */
void render_hex(FILE *f, const uint8_t *data, size_t size);
void render_key(FILE *f, const KeyView *key);
json_object *render_key_json(const KeyView *key);
void render_user_key(FILE *f, const UserKeyView *key);
json_object *render_user_key_json(const UserKeyView *key);

/* What authenticate and enroll print. */
void render_new_certificate(FILE *f, const CertificateView *c);
/* show crypto ca certificates: heading, certificates, foot. */
void render_trustpoint_head(FILE *f, const char *trustpoint);
void render_certificate(FILE *f, const CertificateView *c);
void render_trustpoint_foot(FILE *f, const char *trustpoint);
json_object *render_certificate_json(const CertificateView *c);

/* What detail adds. */
void render_certificate_detail(FILE *f, const CertificateView *c);

typedef struct TrustpointView {
    const char *name, *method, *state, *detail, *warning;
    int64_t next_attempt; /* seconds; 0 for none */
} TrustpointView;
void render_trustpoint(FILE *f, const TrustpointView *t);
json_object *render_trustpoint_json(const TrustpointView *t);

/* One element of the trustpool's JSON array. */
void render_pool_certificate(FILE *f, json_object *certificate, bool detail);
/* An element of the report of an import. */
void render_pool_rejection(FILE *f, json_object *entry);

/* An element of the report of a comparison. */
void render_pool_change(FILE *f, json_object *entry);

/* One element of the JSON array of cached CRLs. */
void render_crl(FILE *f, json_object *crl, bool detail);

/* The policy of the trustpool, and what follows from it. */
typedef struct PoolPolicyView {
    const char *url, *signer, *host_key, *vrf, *description, *source;
    uint32_t shrink_limit, built_in, downloaded, active;
    int64_t imported, earliest_expiry, next_update;
    bool weak_refused, crl_optional, system_export;
} PoolPolicyView;
void render_pool_policy(FILE *f, const PoolPolicyView *view);
json_object *render_pool_policy_json(const PoolPolicyView *view);

/* A message of the log, as dossierd gives it. */
void render_log(FILE *f, json_object *message);

typedef struct SessionView {
    uint64_t number, time; /* microseconds */
    const char *user, *line, *client, *process;
    uint32_t pid;
    int exclusive, trial;
} SessionView;
void render_session(FILE *f, const char *id, const SessionView *session);
void render_session_detail(FILE *f, unsigned number, const char *id, const SessionView *session);

void render_commit_head(FILE *f);
void render_commit(FILE *f, unsigned number, const CommitView *commit);
void render_commit_detail(FILE *f, unsigned number, const CommitView *commit);
/* The same as events of the configuration's history. */
void render_event_head(FILE *f);
void render_event(FILE *f, unsigned number, const CommitView *commit);
void render_event_detail(FILE *f, unsigned number, const CommitView *commit);
json_object *render_commit_json(const CommitView *commit);
