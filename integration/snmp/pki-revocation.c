/* SPDX-License-Identifier: Apache-2.0 */
#include "pki-revocation.h"

#include "json-util.h"

static const PkiCertificate *certificate_of(const PkiView *view, const char *trustpoint,
                                            const char *role)
{
    for (size_t i = 0; i < view->n_certificates; i++)
        if (streq(view->certificates[i].trustpoint, trustpoint) &&
            streq(view->certificates[i].role, role))
            return &view->certificates[i];
    return NULL;
}

/* --- CRLs ------------------------------------------------------------------------------------- */

void pki_crls_done(PkiCrls *crls)
{
    for (size_t i = 0; i < crls->n; i++) {
        free(crls->items[i].issuer);
        free(crls->items[i].number);
    }
    free(crls->items);
    *crls = (PkiCrls){};
}

static int read_list(const char *text, size_t size, json_object **ret, size_t *ret_n)
{
    int r = json_parse(text, size, ret);

    if (r < 0)
        return r;
    if (!json_object_is_type(*ret, json_type_array))
        return -EBADMSG;
    *ret_n = json_object_array_length(*ret);
    return *ret_n > PKI_ITEMS_MAX ? -E2BIG : 0;
}

static int read_number(json_object *o, const char *name, int64_t *ret)
{
    json_object *value;

    if (!json_object_object_get_ex(o, name, &value) || !json_object_is_type(value, json_type_int))
        return -EBADMSG;
    *ret = json_object_get_int64(value);
    return 0;
}

static int read_crl(json_object *o, PkiCrl *ret)
{
    const char *issuer, *number;
    int64_t size;

    if (!json_object_is_type(o, json_type_object) || json_get_string(o, "issuer", &issuer) < 0 ||
        read_number(o, "this-update", &ret->this_update) < 0 ||
        read_number(o, "next-update", &ret->next_update) < 0 || read_number(o, "size", &size) < 0 ||
        json_get_bool(o, "delta", &ret->delta) < 0)
        return -EBADMSG;
    ret->size = size < 0 ? 0 : size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    ret->issuer = strdup(issuer);
    if (!ret->issuer)
        return -ENOMEM;
    if (json_get_string(o, "number", &number) < 0) /* null when it has none */
        return 0;
    ret->number = strdup(number);
    return ret->number ? 0 : -ENOMEM;
}

int pki_crls_read(const char *text, size_t size, PkiCrls *ret)
{
    _cleanup_json_ json_object *list = NULL;
    PkiCrls crls = {};
    size_t n;
    int r = read_list(text, size, &list, &n);

    if (r < 0)
        return r;
    crls.items = calloc(n + 1, sizeof(*crls.items));
    if (!crls.items)
        return -ENOMEM;
    while (r >= 0 && crls.n < n) {
        r = read_crl(json_object_array_get_idx(list, crls.n), &crls.items[crls.n]);
        crls.n++;
    }
    if (r < 0) {
        pki_crls_done(&crls);
        return r;
    }
    *ret = crls;
    return 0;
}

static bool is_better(const PkiCrl *crl, const PkiCrl *than)
{
    if (!than || crl->delta != than->delta)
        return !than || than->delta;
    return crl->this_update > than->this_update;
}

const PkiCrl *pki_crl_of_trustpoint(const PkiCrls *crls, const PkiView *view,
                                    const char *trustpoint)
{
    const PkiCertificate *ca = certificate_of(view, trustpoint, "ca");
    const PkiCrl *best = NULL;

    for (size_t i = 0; ca && i < crls->n; i++)
        if (streq(crls->items[i].issuer, ca->subject) && is_better(&crls->items[i], best))
            best = &crls->items[i];
    return best;
}

/* --- Answers of responders -------------------------------------------------------------------- */

void pki_answers_done(PkiAnswers *answers)
{
    for (size_t i = 0; i < answers->n; i++) {
        free(answers->items[i].certificate);
        free(answers->items[i].responder);
    }
    free(answers->items);
    *answers = (PkiAnswers){};
}

static int read_answer(json_object *o, PkiAnswer *ret)
{
    const char *certificate, *responder;

    if (!json_object_is_type(o, json_type_object) ||
        json_get_string(o, "certificate", &certificate) < 0 ||
        json_get_string(o, "responder", &responder) < 0 ||
        read_number(o, "this-update", &ret->this_update) < 0 ||
        read_number(o, "next-update", &ret->next_update) < 0)
        return -EBADMSG;
    ret->certificate = strdup(certificate);
    ret->responder = strdup(responder);
    return ret->certificate && ret->responder ? 0 : -ENOMEM;
}

int pki_answers_read(const char *text, size_t size, PkiAnswers *ret)
{
    _cleanup_json_ json_object *list = NULL;
    PkiAnswers answers = {};
    size_t n;
    int r = read_list(text, size, &list, &n);

    if (r < 0)
        return r;
    answers.items = calloc(n + 1, sizeof(*answers.items));
    if (!answers.items)
        return -ENOMEM;
    while (r >= 0 && answers.n < n) {
        r = read_answer(json_object_array_get_idx(list, answers.n), &answers.items[answers.n]);
        answers.n++;
    }
    if (r < 0) {
        pki_answers_done(&answers);
        return r;
    }
    *ret = answers;
    return 0;
}

const PkiAnswer *pki_answer_of_trustpoint(const PkiAnswers *answers, const PkiView *view,
                                          const char *trustpoint)
{
    const PkiCertificate *c = certificate_of(view, trustpoint, "router");

    for (size_t i = 0; c && i < answers->n; i++)
        if (strcasecmp(answers->items[i].certificate, c->fingerprint) == 0)
            return &answers->items[i];
    return NULL;
}
