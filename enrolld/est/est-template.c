/* SPDX-License-Identifier: Apache-2.0 */
#include "est-template.h"

#include <stdarg.h>
#include <stdlib.h>

#include "csr.h"
#include "fetch-message.h"
#include "x509-render.h"

#define NAMES_MAX 32U
#define EXTENSIONS_MAX 32U
#define PKCS9 "\x2a\x86\x48\x86\xf7\x0d\x01\x09"

/* Of the subject; without a value the router has to have one. */
typedef struct NameWish {
    ASN1_OBJECT *type;
    X509_NAME_ENTRY *entry; /* NULL: to be filled in */
    bool joins;             /* the relative name before it */
} NameWish;

typedef struct ExtensionWish {
    ASN1_OBJECT *type;
    bool critical;
    ASN1_OCTET_STRING *value; /* NULL: to be filled in */
} ExtensionWish;

struct EstTemplate {
    NameWish names[NAMES_MAX];
    size_t n_names;
    const char *algorithm; /* of keyd, "ecdsa" for any curve, "" for what is none; NULL: any */
    uint64_t rsa_bits;     /* 0: any */
    ExtensionWish extensions[EXTENSIONS_MAX];
    size_t n_extensions;
    bool has_extensions, wants_binding;
};

EstTemplate *est_template_free(EstTemplate *t)
{
    if (!t)
        return NULL;
    for (size_t i = 0; i < t->n_names; i++) {
        ASN1_OBJECT_free(t->names[i].type);
        X509_NAME_ENTRY_free(t->names[i].entry);
    }
    for (size_t i = 0; i < t->n_extensions; i++) {
        ASN1_OBJECT_free(t->extensions[i].type);
        ASN1_OCTET_STRING_free(t->extensions[i].value);
    }
    free(t);
    return NULL;
}

static void est_template_freep(EstTemplate **t)
{
    est_template_free(*t);
}

bool est_template_wants_binding(const EstTemplate *t)
{
    return t->wants_binding;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int read_type(DerSpan *input, ASN1_OBJECT **ret)
{
    DerSpan element;
    const unsigned char *p;
    uint8_t tag;

    if (der_read_any(input, &tag, &element, NULL) < 0 || tag != DER_OID)
        return -EBADMSG;
    p = element.data;
    *ret = d2i_ASN1_OBJECT(NULL, &p, (long)element.size);
    return *ret ? 0 : -EBADMSG;
}

static bool is_text(int type)
{
    return type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING ||
           type == V_ASN1_IA5STRING || type == V_ASN1_T61STRING || type == V_ASN1_BMPSTRING ||
           type == V_ASN1_UNIVERSALSTRING;
}

static int read_value(DerSpan element, NameWish *wish)
{
    const unsigned char *p = element.data;
    ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &p, (long)element.size);

    if (value && is_text(value->type))
        wish->entry = X509_NAME_ENTRY_create_by_OBJ(NULL, wish->type, value->type,
                                                    value->value.asn1_string->data,
                                                    value->value.asn1_string->length);
    ASN1_TYPE_free(value);
    return wish->entry ? 0 : -EBADMSG;
}

static int read_relative_name(DerSpan set, EstTemplate *t)
{
    for (bool joins = false; set.size > 0; joins = true) {
        NameWish *wish = &t->names[t->n_names];
        DerSpan attribute, element;
        uint8_t tag;

        if (t->n_names == NAMES_MAX || der_read(&set, DER_SEQUENCE, &attribute) < 0 ||
            read_type(&attribute, &wish->type) < 0)
            return -EBADMSG;
        t->n_names++;
        wish->joins = joins;
        if (attribute.size == 0)
            continue;
        if (der_read_any(&attribute, &tag, &element, NULL) < 0 || der_end(&attribute) < 0 ||
            read_value(element, wish) < 0)
            return -EBADMSG;
    }
    return 0;
}

static int read_subject(DerSpan name, EstTemplate *t)
{
    while (name.size > 0) {
        DerSpan set;

        if (der_read(&name, DER_SET, &set) < 0 || set.size == 0 || read_relative_name(set, t) < 0)
            return -EBADMSG;
    }
    return 0;
}

static const char *algorithm_of(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *oid;
    const void *value;
    int type;

    X509_ALGOR_get0(&oid, &type, &value, algorithm);
    switch (OBJ_obj2nid(oid)) {
    case NID_rsaEncryption:
        return "rsa";
    case NID_ED25519:
        return "ed25519";
    case NID_X9_62_id_ecPublicKey:
        break;
    default:
        return "";
    }
    if (type != V_ASN1_OBJECT)
        return "ecdsa";
    switch (OBJ_obj2nid(value)) {
    case NID_X9_62_prime256v1:
        return "ecdsanistp256";
    case NID_secp384r1:
        return "ecdsanistp384";
    case NID_secp521r1:
        return "ecdsanistp521";
    default:
        return "";
    }
}

/* A modulus that stands for all of its length. */
static int read_modulus(DerSpan bits, EstTemplate *t)
{
    DerSpan key, modulus;

    if (bits.size < 1 || bits.data[0] != 0)
        return -EBADMSG;
    if (der_read_only((DerSpan){bits.data + 1, bits.size - 1}, DER_SEQUENCE, &key) < 0 ||
        der_read(&key, DER_INTEGER, &modulus) < 0 || modulus.size == 0)
        return -EBADMSG;
    t->rsa_bits = 8 * (uint64_t)(modulus.size - (modulus.size % 2 == 1 && modulus.data[0] == 0));
    return 0;
}

static int read_key(DerSpan key, EstTemplate *t)
{
    DerSpan element, bits;
    const unsigned char *p;
    X509_ALGOR *algorithm;
    uint8_t tag;
    int r;

    if (der_read_any(&key, &tag, &element, NULL) < 0)
        return -EBADMSG;
    p = element.data;
    algorithm = d2i_X509_ALGOR(NULL, &p, (long)element.size);
    if (!algorithm)
        return -EBADMSG;
    t->algorithm = algorithm_of(algorithm);
    X509_ALGOR_free(algorithm);
    r = der_read_optional(&key, DER_BIT_STRING, &bits);
    if (r < 0 || der_end(&key) < 0)
        return -EBADMSG;
    return r > 0 && streq(t->algorithm, "rsa") ? read_modulus(bits, t) : 0;
}

static X509_EXTENSION *extension_of(const ExtensionWish *wish)
{
    return X509_EXTENSION_create_by_OBJ(NULL, wish->type, wish->critical, wish->value);
}

/* What is known here has to be what it says that it is. */
static bool is_good(const ExtensionWish *wish)
{
    X509_EXTENSION *extension = extension_of(wish);
    const X509V3_EXT_METHOD *method = extension ? X509V3_EXT_get(extension) : NULL;
    void *value = method && method->it ? X509V3_EXT_d2i(extension) : NULL;
    bool good = extension && (!method || !method->it || value);

    if (value)
        ASN1_item_free(value, ASN1_ITEM_ptr(method->it));
    X509_EXTENSION_free(extension);
    return good;
}

static int read_extension(DerSpan extension, EstTemplate *t)
{
    ExtensionWish *wish = &t->extensions[t->n_extensions];
    DerSpan critical, value;
    int r;

    if (t->n_extensions == EXTENSIONS_MAX || read_type(&extension, &wish->type) < 0)
        return -EBADMSG;
    t->n_extensions++;
    for (size_t i = 0; i + 1 < t->n_extensions; i++)
        if (OBJ_cmp(t->extensions[i].type, wish->type) == 0)
            return -EBADMSG;
    r = der_read_optional(&extension, DER_BOOLEAN, &critical);
    if (r < 0 || (r > 0 && critical.size != 1))
        return -EBADMSG;
    wish->critical = r > 0 && critical.data[0] != 0;
    r = der_read_optional(&extension, DER_OCTET_STRING, &value);
    if (r < 0 || der_end(&extension) < 0)
        return -EBADMSG;
    if (r == 0)
        return 0;
    wish->value = ASN1_OCTET_STRING_new();
    if (!wish->value || ASN1_OCTET_STRING_set(wish->value, value.data, (int)value.size) != 1)
        return -ENOMEM;
    return is_good(wish) ? 0 : -EBADMSG;
}

/* One list, in one attribute: with all of its values in id-ExtensionReq, or with some in
 * id-aa-extensionReqTemplate. */
static int read_extensions(DerSpan values, bool partial, EstTemplate *t)
{
    DerSpan list, extension;

    if (t->has_extensions || der_read_only(values, DER_SEQUENCE, &list) < 0 || list.size == 0)
        return -EBADMSG;
    t->has_extensions = true;
    while (list.size > 0) {
        int r = der_read(&list, DER_SEQUENCE, &extension);

        if (r >= 0)
            r = read_extension(extension, t);
        if (r == -ENOMEM)
            return r;
        if (r < 0 || (!partial && !t->extensions[t->n_extensions - 1].value))
            return -EBADMSG;
    }
    return 0;
}

/* What is not known is left out, as in the lists that are no templates. */
static int read_attributes(DerSpan attributes, EstTemplate *t)
{
    while (attributes.size > 0) {
        DerSpan attribute, oid, values;
        int r = 0;

        if (der_read(&attributes, DER_SEQUENCE, &attribute) < 0 ||
            der_read(&attribute, DER_OID, &oid) < 0 || der_read(&attribute, DER_SET, &values) < 0 ||
            der_end(&attribute) < 0)
            return -EBADMSG;
        if (der_equal(oid, PKCS9 "\x07", 9))
            t->wants_binding = true;
        else if (der_equal(oid, PKCS9 "\x0e", 9))
            r = read_extensions(values, false, t);
        else if (der_equal(oid, PKCS9 "\x10\x02\x3e", 11))
            r = read_extensions(values, true, t);
        if (r < 0)
            return r;
    }
    return 0;
}

int est_template_new(DerSpan value, EstTemplate **ret)
{
    _cleanup_(est_template_freep) EstTemplate *t = calloc(1, sizeof(*t));
    DerSpan content, part;
    uint64_t version;
    int r;

    if (!t)
        return -ENOMEM;
    if (der_read_only(value, DER_SEQUENCE, &content) < 0 ||
        der_read_uint64(&content, &version) < 0 || version != 0)
        return -EBADMSG;
    r = der_read_optional(&content, DER_SEQUENCE, &part);
    if (r > 0)
        r = read_subject(part, t);
    if (r >= 0)
        r = der_read_optional(&content, DER_CONTEXT_CONSTRUCTED(0), &part);
    if (r > 0)
        r = read_key(part, t);
    if (r >= 0)
        r = der_read_optional(&content, DER_CONTEXT_CONSTRUCTED(1), &part);
    if (r > 0)
        r = read_attributes(part, t);
    if (r >= 0)
        r = der_end(&content);
    ERR_clear_error();
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    *ret = TAKE_PTR(t);
    return 0;
}

/* --- The key ---------------------------------------------------------------------------------- */

static int _printf_(2, 3) explain(char reason[EST_TEMPLATE_REASON_SIZE], const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(reason, EST_TEMPLATE_REASON_SIZE, format, ap);
    va_end(ap);
    return -EOPNOTSUPP;
}

static int check_key(const EstTemplate *t, const EstOwn *own, char reason[EST_TEMPLATE_REASON_SIZE])
{
    const char *wanted = t->algorithm;

    if (!wanted)
        return 0;
    if (!wanted[0])
        return explain(reason, "it wants a kind of key that this router does not make");
    if (streq(wanted, "ecdsa") && strncmp(own->algorithm, wanted, strlen(wanted)) == 0)
        return 0;
    if (!streq(wanted, own->algorithm))
        return explain(reason,
                       "it wants another kind of key than that of the trustpoint: configure "
                       "'keypair %s LABEL'",
                       streq(wanted, "ecdsa") ? "ecdsanistp256" : wanted);
    if (t->rsa_bits > 0 && t->rsa_bits != own->bits)
        return explain(reason,
                       "it wants an RSA key of %llu bits, and that of the trustpoint has %llu: "
                       "make one with crypto key generate rsa, and configure 'rsakeypair LABEL'",
                       (unsigned long long)t->rsa_bits, (unsigned long long)own->bits);
    return 0;
}

/* --- The subject ------------------------------------------------------------------------------ */

/* Whatever the types of the strings, and whether in capitals. */
static bool is_same_entry(const X509_NAME_ENTRY *a, const X509_NAME_ENTRY *b)
{
    _cleanup_(X509_NAME_freep) X509_NAME *x = X509_NAME_new(), *y = X509_NAME_new();

    return x && y && X509_NAME_add_entry(x, a, -1, 0) == 1 &&
           X509_NAME_add_entry(y, b, -1, 0) == 1 && X509_NAME_cmp(x, y) == 0;
}

typedef struct Choice {
    const EstTemplate *template;
    const X509_NAME *own;
    const X509_NAME_ENTRY *chosen[NAMES_MAX];
    uint64_t used; /* of the own ones */
} Choice;

/* One of the own ones that is still free; equal: to be the same. */
static const X509_NAME_ENTRY *find_own(Choice *c, const NameWish *wish, bool equal, bool take)
{
    for (int i = 0; i < X509_NAME_entry_count(c->own) && i < 64; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(c->own, i);

        if (c->used & UINT64_C(1) << i ||
            OBJ_cmp(X509_NAME_ENTRY_get_object(entry), wish->type) != 0 ||
            (equal && !is_same_entry(entry, wish->entry)))
            continue;
        if (take)
            c->used |= UINT64_C(1) << i;
        return entry;
    }
    return NULL;
}

static int contradict(const NameWish *wish, char reason[EST_TEMPLATE_REASON_SIZE])
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = X509_NAME_new();
    _cleanup_free_ char *text = NULL;

    if (!name || X509_NAME_add_entry(name, wish->entry, -1, 0) != 1 ||
        x509_name_render(name, &text) < 0)
        return -ENOMEM;
    return explain(reason,
                   "it wants %.100s in the subject, where the trustpoint has something else: "
                   "configure 'subject-name' so",
                   fetch_clean_text(text));
}

/* First what both have, then what is to be filled in; what is given of the rest is taken. */
static int choose(Choice *c, char reason[EST_TEMPLATE_REASON_SIZE])
{
    const NameWish *wishes = c->template->names;
    size_t n = c->template->n_names;
    char type[80];

    for (size_t i = 0; i < n; i++)
        if (wishes[i].entry && find_own(c, &wishes[i], true, true))
            c->chosen[i] = wishes[i].entry;
    for (size_t i = 0; i < n; i++) {
        if (wishes[i].entry)
            continue;
        c->chosen[i] = find_own(c, &wishes[i], false, true);
        (void)OBJ_obj2txt(type, sizeof(type), wishes[i].type, 0);
        if (!c->chosen[i])
            return explain(reason,
                           "it wants %s in the subject, which the trustpoint's has not: "
                           "configure 'subject-name' with it",
                           type);
    }
    for (size_t i = 0; i < n; i++) {
        if (c->chosen[i])
            continue;
        if (find_own(c, &wishes[i], false, false))
            return contradict(&wishes[i], reason);
        c->chosen[i] = wishes[i].entry;
    }
    return 0;
}

static int fill_subject(const EstTemplate *t, const EstOwn *own, X509_NAME **ret,
                        char reason[EST_TEMPLATE_REASON_SIZE])
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = X509_NAME_new();
    Choice c = {.template = t, .own = own->subject};
    int r = name ? choose(&c, reason) : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < t->n_names; i++)
        if (X509_NAME_add_entry(name, c.chosen[i], -1, t->names[i].joins ? -1 : 0) != 1)
            r = -ENOMEM;
    for (int i = 0; r >= 0 && i < X509_NAME_entry_count(own->subject); i++)
        if ((i >= 64 || !(c.used & UINT64_C(1) << i)) &&
            X509_NAME_add_entry(name, X509_NAME_get_entry(own->subject, i), -1, 0) != 1)
            r = -ENOMEM;
    if (r >= 0)
        *ret = TAKE_PTR(name);
    return r;
}

/* --- Extensions ------------------------------------------------------------------------------- */

static bool is_blank(const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_IPADD:
        return name->d.iPAddress->length == 0;
    case GEN_DIRNAME:
        return X509_NAME_entry_count(name->d.directoryName) == 0;
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
        return name->d.ia5->length == 0;
    default:
        return false;
    }
}

static int push_name(GENERAL_NAMES *names, GENERAL_NAME *name)
{
    GENERAL_NAME *copy = GENERAL_NAME_dup(name);

    if (copy && sk_GENERAL_NAME_push(names, copy) > 0)
        return 0;
    GENERAL_NAME_free(copy);
    return -ENOMEM;
}

/* Those of the own names that are like a wish are taken out of them. Returns how many. */
static int move_names(GENERAL_NAMES *own, GENERAL_NAME *wish, GENERAL_NAMES *ret)
{
    bool blank = is_blank(wish);
    int n = 0;

    for (int i = sk_GENERAL_NAME_num(own) - 1; i >= 0; i--) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(own, i);

        if (blank ? name->type != wish->type : GENERAL_NAME_cmp(name, wish) != 0)
            continue;
        if (blank && push_name(ret, name) < 0)
            return -ENOMEM;
        GENERAL_NAME_free(sk_GENERAL_NAME_delete(own, i));
        n++;
    }
    return n;
}

static int fill_blank(GENERAL_NAMES *own, GENERAL_NAME *wish, GENERAL_NAMES *ret,
                      char reason[EST_TEMPLATE_REASON_SIZE])
{
    int r = move_names(own, wish, ret);

    if (r != 0)
        return r;
    return explain(
        reason, "it wants %s among the alternative names: configure 'subject-alternative-name'",
        wish->type == GEN_IPADD   ? "an address"
        : wish->type == GEN_DNS   ? "a host name"
        : wish->type == GEN_EMAIL ? "a mail address"
                                  : "a directory name or URI, which cannot be configured, ");
}

static int merge_names(GENERAL_NAMES *own, const GENERAL_NAMES *wanted, GENERAL_NAMES *ret,
                       char reason[EST_TEMPLATE_REASON_SIZE])
{
    int r = 0;

    for (int i = 0; r >= 0 && i < sk_GENERAL_NAME_num(wanted); i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(wanted, i);

        if (is_blank(name))
            continue;
        r = move_names(own, name, ret);
        if (r >= 0)
            r = push_name(ret, name);
    }
    for (int i = 0; r >= 0 && i < sk_GENERAL_NAME_num(wanted); i++)
        if (is_blank(sk_GENERAL_NAME_value(wanted, i)))
            r = fill_blank(own, sk_GENERAL_NAME_value(wanted, i), ret, reason);
    if (r >= 0 && sk_GENERAL_NAME_num(own) > 0)
        return explain(reason, "it wants other alternative names than the trustpoint has: "
                               "configure 'subject-alternative-name' so, or not at all");
    return r;
}

static int fill_names(const ExtensionWish *wish, const EstOwn *own, X509_EXTENSION **ret,
                      char reason[EST_TEMPLATE_REASON_SIZE])
{
    GENERAL_NAMES *names = NULL, *wanted = NULL, *result = GENERAL_NAMES_new();
    const char *why;
    int r = result ? 0 : -ENOMEM;

    if (r >= 0 && own->alternative_names)
        r = alternative_names_parse(own->alternative_names, &names, &why);
    if (r >= 0 && !wish->value && !names)
        r = explain(reason, "it wants alternative names: configure 'subject-alternative-name'");
    if (r >= 0 && wish->value) {
        const unsigned char *p = ASN1_STRING_get0_data(wish->value);

        wanted = d2i_GENERAL_NAMES(NULL, &p, ASN1_STRING_length(wish->value));
        r = wanted ? merge_names(names, wanted, result, reason) : -ENOMEM;
    }
    if (r >= 0 && !(*ret = X509V3_EXT_i2d(NID_subject_alt_name, wish->critical,
                                          wish->value ? result : names)))
        r = -ENOMEM;
    GENERAL_NAMES_free(names);
    GENERAL_NAMES_free(wanted);
    GENERAL_NAMES_free(result);
    return r;
}

static int fill_key_usage(const ExtensionWish *wish, const EstOwn *own, X509_EXTENSION **ret,
                          char reason[EST_TEMPLATE_REASON_SIZE])
{
    unsigned usage = own->key_usage                 ? own->key_usage
                     : streq(own->algorithm, "rsa") ? KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT
                                                    : KU_DIGITAL_SIGNATURE;
    ASN1_BIT_STRING *bits = NULL;
    bool good = true;

    if (wish->value) {
        const unsigned char *p = ASN1_STRING_get0_data(wish->value);

        bits = d2i_ASN1_BIT_STRING(NULL, &p, ASN1_STRING_length(wish->value));
        for (int i = 0; own->key_usage && i < 8; i++)
            good = good && ASN1_BIT_STRING_get_bit(bits, i) == !!(usage & 0x80U >> i);
    } else if ((bits = ASN1_BIT_STRING_new()))
        for (int i = 0; i < 8; i++)
            good = good && ASN1_BIT_STRING_set_bit(bits, i, !!(usage & 0x80U >> i)) == 1;
    if (bits && good)
        *ret = X509V3_EXT_i2d(NID_key_usage, wish->critical, bits);
    ASN1_BIT_STRING_free(bits);
    if (wish->value && !good)
        return explain(reason, "it wants another keyUsage than the trustpoint's 'key-usage'");
    return *ret ? 0 : -ENOMEM;
}

static bool makes_a_ca(const ExtensionWish *wish)
{
    const unsigned char *p = ASN1_STRING_get0_data(wish->value);
    BASIC_CONSTRAINTS *value = d2i_BASIC_CONSTRAINTS(NULL, &p, ASN1_STRING_length(wish->value));
    bool ca = !value || value->ca;

    BASIC_CONSTRAINTS_free(value);
    return ca;
}

static int fill_extension(const ExtensionWish *wish, const EstOwn *own, X509_EXTENSION **ret,
                          char reason[EST_TEMPLATE_REASON_SIZE])
{
    int nid = OBJ_obj2nid(wish->type);
    char type[80];

    if (nid == NID_subject_alt_name)
        return fill_names(wish, own, ret, reason);
    if (nid == NID_key_usage)
        return fill_key_usage(wish, own, ret, reason);
    if (!wish->value) {
        (void)OBJ_obj2txt(type, sizeof(type), wish->type, 0);
        return explain(reason,
                       "it wants the extension %s, and leaves its value to the router, which has "
                       "none",
                       type);
    }
    if (nid == NID_basic_constraints && makes_a_ca(wish))
        return explain(reason, "it wants a request that would make the router a CA");
    *ret = extension_of(wish);
    return *ret ? 0 : -ENOMEM;
}

static int fill_extensions(const EstTemplate *t, const EstOwn *own,
                           STACK_OF(X509_EXTENSION) * extensions,
                           char reason[EST_TEMPLATE_REASON_SIZE])
{
    for (size_t i = 0; i < t->n_extensions; i++) {
        X509_EXTENSION *extension = NULL;
        int r = fill_extension(&t->extensions[i], own, &extension, reason);

        if (r < 0)
            return r;
        if (sk_X509_EXTENSION_push(extensions, extension) <= 0) {
            X509_EXTENSION_free(extension);
            return -ENOMEM;
        }
    }
    return 0;
}

int est_template_fill(const EstTemplate *t, const EstOwn *own, X509_NAME **ret_subject,
                      STACK_OF(X509_EXTENSION) * *ret_extensions,
                      char reason[EST_TEMPLATE_REASON_SIZE])
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    int r = extensions ? check_key(t, own, reason) : -ENOMEM;

    if (r >= 0)
        r = fill_extensions(t, own, extensions, reason);
    if (r >= 0)
        r = fill_subject(t, own, ret_subject, reason);
    ERR_clear_error();
    if (r < 0) {
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
        return r;
    }
    *ret_extensions = extensions;
    return 0;
}
