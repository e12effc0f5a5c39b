/* SPDX-License-Identifier: Apache-2.0 */
/* The library's headers first: they set up what its own need. */
#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <net-snmp/agent/agent_callbacks.h>

#include "pki-mib.h"

#include "time-render.h"
#include "x509-render.h"

#define PKI_MIB 1, 3, 6, 1, 4, 1, 9, 9, 854
#define TEXT_MAX 255U
#define PING_SECONDS 5

static const oid chain_table_oid[] = {PKI_MIB, 2, 2, 1};
static const oid trustpoint_table_oid[] = {PKI_MIB, 2, 1, 2, 1};
static const oid crl_table_oid[] = {PKI_MIB, 2, 3, 1, 1};
static const oid ocsp_table_oid[] = {PKI_MIB, 2, 3, 2, 1};
static const oid installed_oid[] = {PKI_MIB, 1, 1};
static const oid expiring_oid[] = {PKI_MIB, 1, 2};
static const oid trap_oid[] = {1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0};

enum {
    CHAIN_SERIAL = 2,
    CHAIN_ISSUER,
    CHAIN_START,
    CHAIN_END,
    CHAIN_TYPE,
    CHAIN_LEFT,
    CHAIN_TRUSTPOINT,
    CHAIN_SUBJECT
};
enum {
    TRUSTPOINT_SUBJECT = 2,
    TRUSTPOINT_ALTERNATIVE_NAMES = 3,
    TRUSTPOINT_AAA_LIST = 4,
    TRUSTPOINT_ENROLLMENT = 5,
    TRUSTPOINT_VRF = 6,
    TRUSTPOINT_SOURCE_INTERFACE = 7,
    TRUSTPOINT_AUTO_ENROLL = 8,
    TRUSTPOINT_KEY_LABEL = 10, /* there is no 9 */
    TRUSTPOINT_REVOCATION = 11,
    TRUSTPOINT_DIGEST = 12,
    TRUSTPOINT_STATE = 13
};
enum { CRL_ISSUER = 2, CRL_NUMBER, CRL_NEXT_UPDATE, CRL_SIZE, CRL_DELTA };
enum { OCSP_RESPONDER = 2, OCSP_THIS_UPDATE, OCSP_NEXT_UPDATE };

static netsnmp_tdata *chain_table, *trustpoint_table, *crl_table, *ocsp_table;
static bool has_master;

/* --- Tables ----------------------------------------------------------------------------------- */

static size_t text_size(const char *text)
{
    size_t n = strlen(text);

    return n < TEXT_MAX ? n : TEXT_MAX;
}

static void answer_short(netsnmp_request_info *request, const char *text, size_t max)
{
    size_t n = text_size(text);

    snmp_set_var_typed_value(request->requestvb, ASN_OCTET_STR, text, n < max ? n : max);
}

static void answer(netsnmp_request_info *request, const char *text)
{
    answer_short(request, text, TEXT_MAX);
}

/* Answers for one column of a row; false when there is none. */
typedef bool (*cell_t)(netsnmp_request_info *request, const void *row, unsigned column);

static int answer_cells(netsnmp_agent_request_info *info, netsnmp_request_info *requests,
                        cell_t cell)
{
    for (netsnmp_request_info *r = requests; r; r = r->next) {
        const void *row = netsnmp_tdata_extract_entry(r);
        const netsnmp_table_request_info *at = netsnmp_extract_table_info(r);

        if (!row || !at || !cell(r, row, at->colnum))
            netsnmp_set_request_error(info, r, SNMP_NOSUCHINSTANCE);
    }
    return SNMP_ERR_NOERROR;
}

static const char *chain_column(const PkiCertificate *c, unsigned column,
                                char buffer[TIME_TEXT_SIZE])
{
    switch (column) {
    case CHAIN_SERIAL:
        return c->serial_number;
    case CHAIN_ISSUER:
        return c->issuer;
    case CHAIN_START:
        return time_render(c->not_before, buffer);
    case CHAIN_END:
        return time_render(c->not_after, buffer);
    case CHAIN_TYPE: /* the one to come is of the same kind; its label tells them apart */
        return streq(c->role, "ca") || streq(c->role, "rollover") ? "CA" : "ID";
    case CHAIN_TRUSTPOINT:
        return c->trustpoint;
    case CHAIN_SUBJECT:
        return c->subject;
    default:
        return NULL;
    }
}

static bool answer_chain(netsnmp_request_info *request, const void *row, unsigned column)
{
    char buffer[TIME_TEXT_SIZE];
    const char *text = chain_column(row, column, buffer);

    if (text)
        answer(request, text);
    return text != NULL;
}

static int on_chain(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                    netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    return answer_cells(info, requests, answer_chain);
}

/* Neither lists of AAA nor source interfaces are a trustpoint's here: nothing is configured. */
static const char *trustpoint_column(const PkiTrustpoint *t, unsigned column,
                                     char buffer[TEXT_MAX + 1])
{
    switch (column) {
    case TRUSTPOINT_SUBJECT:
        return t->subject_name;
    case TRUSTPOINT_ALTERNATIVE_NAMES:
        return t->alternative_names;
    case TRUSTPOINT_AAA_LIST:
    case TRUSTPOINT_SOURCE_INTERFACE:
        return "";
    case TRUSTPOINT_ENROLLMENT:
        if (!*t->url)
            return "";
        (void)snprintf(buffer, TEXT_MAX + 1, "enrollment %s%s", strchr(t->url, ':') ? "url " : "",
                       t->url);
        return buffer;
    case TRUSTPOINT_VRF:
        return t->vrf;
    case TRUSTPOINT_AUTO_ENROLL:
        if (t->auto_enroll == 0)
            return "";
        (void)snprintf(buffer, TEXT_MAX + 1, "auto-enroll %u", (unsigned)t->auto_enroll);
        return buffer;
    case TRUSTPOINT_KEY_LABEL:
        return t->key_label;
    case TRUSTPOINT_REVOCATION:
        return t->crl_optional ? "revocation-check crl none" : "revocation-check crl";
    case TRUSTPOINT_DIGEST:
        return t->digest;
    case TRUSTPOINT_STATE:
        return pki_state_name(t->state);
    default:
        return NULL;
    }
}

/* As the MIB's ranges have it. */
static size_t trustpoint_column_max(unsigned column)
{
    switch (column) {
    case TRUSTPOINT_ALTERNATIVE_NAMES:
    case TRUSTPOINT_AAA_LIST:
    case TRUSTPOINT_VRF:
    case TRUSTPOINT_SOURCE_INTERFACE:
    case TRUSTPOINT_REVOCATION:
        return 50;
    case TRUSTPOINT_AUTO_ENROLL:
    case TRUSTPOINT_STATE:
        return 20;
    default:
        return TEXT_MAX;
    }
}

static bool answer_trustpoint(netsnmp_request_info *request, const void *row, unsigned column)
{
    char buffer[TEXT_MAX + 1];
    const char *text = trustpoint_column(row, column, buffer);

    if (text)
        answer_short(request, text, trustpoint_column_max(column));
    return text != NULL;
}

static int on_trustpoint(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                         netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    return answer_cells(info, requests, answer_trustpoint);
}

static bool answer_crl(netsnmp_request_info *request, const void *row, unsigned column)
{
    const PkiCrl *crl = row;
    char buffer[TIME_TEXT_SIZE];

    switch (column) {
    case CRL_ISSUER:
        answer(request, crl->issuer);
        break;
    case CRL_NUMBER:
        answer(request, crl->number ? crl->number : "");
        break;
    case CRL_NEXT_UPDATE:
        answer(request, time_render(crl->next_update, buffer));
        break;
    case CRL_SIZE:
        snmp_set_var_typed_integer(request->requestvb, ASN_UNSIGNED, (long)crl->size);
        break;
    default:
        snmp_set_var_typed_integer(request->requestvb, ASN_UNSIGNED, crl->delta);
        break;
    }
    return true;
}

static int on_crl(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                  netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    return answer_cells(info, requests, answer_crl);
}

static bool answer_ocsp(netsnmp_request_info *request, const void *row, unsigned column)
{
    const PkiAnswer *a = row;
    char buffer[TIME_TEXT_SIZE];

    if (column == OCSP_RESPONDER)
        answer(request, a->responder);
    else
        answer(request,
               time_render(column == OCSP_THIS_UPDATE ? a->this_update : a->next_update, buffer));
    return true;
}

static int on_ocsp(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                   netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    return answer_cells(info, requests, answer_ocsp);
}

/* columns: lives as long as the table. */
static int table_register(const char *name, Netsnmp_Node_Handler *handler, const oid *at, size_t n,
                          netsnmp_column_info *columns, netsnmp_tdata **ret)
{
    netsnmp_tdata *table = netsnmp_tdata_create_table(name, 0);
    netsnmp_table_registration_info *info = SNMP_MALLOC_TYPEDEF(netsnmp_table_registration_info);
    netsnmp_handler_registration *registration =
        netsnmp_create_handler_registration(name, handler, at, n, HANDLER_CAN_RONLY);

    if (!table || !info || !registration)
        return -ENOMEM;
    netsnmp_tdata_add_index(table, ASN_OCTET_STR);
    netsnmp_table_helper_add_indexes(info, ASN_OCTET_STR, 0);
    info->valid_columns = columns;
    info->min_column = columns->details.range[0];
    info->max_column = columns->next ? columns->next->details.range[1] : columns->details.range[1];
    *ret = table;
    return netsnmp_tdata_register(registration, table, info) == MIB_REGISTERED_OK ? 0 : -EIO;
}

static void table_clear(netsnmp_tdata *table)
{
    for (netsnmp_tdata_row *row; (row = netsnmp_tdata_row_first(table));)
        (void)netsnmp_tdata_remove_and_delete_row(table, row);
}

static void table_add(netsnmp_tdata *table, const char *index, const void *data)
{
    netsnmp_tdata_row *row = netsnmp_tdata_create_row();

    if (!row)
        return;
    row->data = (void *)(uintptr_t)data;
    /* What is there already would not be added, and said to be: two names can make one label. */
    if (!netsnmp_tdata_row_add_index(row, ASN_OCTET_STR, index, strlen(index)) ||
        netsnmp_tdata_row_get_byidx(table, row->indexes) ||
        netsnmp_tdata_add_row(table, row) != SNMPERR_SUCCESS)
        netsnmp_tdata_delete_row(row);
}

/* An instance has room for so much. */
static bool is_shown(const PkiTrustpoint *t)
{
    return strlen(t->name) < CHAIN_LABEL_SIZE;
}

void pki_mib_show(const PkiView *view, const PkiCrls *crls, const PkiAnswers *answers)
{
    char label[CHAIN_LABEL_SIZE];

    table_clear(chain_table);
    table_clear(trustpoint_table);
    table_clear(crl_table);
    table_clear(ocsp_table);
    for (size_t i = 0; i < view->n_certificates; i++)
        table_add(chain_table, pki_chain_label(&view->certificates[i], label),
                  &view->certificates[i]);
    for (size_t i = 0; i < view->n_trustpoints; i++) {
        const PkiTrustpoint *t = &view->trustpoints[i];
        const PkiCrl *crl = pki_crl_of_trustpoint(crls, view, t->name);
        const PkiAnswer *a = pki_answer_of_trustpoint(answers, view, t->name);

        if (!is_shown(t))
            continue;
        table_add(trustpoint_table, t->name, t);
        if (crl)
            table_add(crl_table, t->name, crl);
        if (a)
            table_add(ocsp_table, t->name, a);
    }
}

/* --- Notifications ---------------------------------------------------------------------------- */

static void add_column(netsnmp_variable_list **list, const PkiCertificate *c, unsigned column,
                       const char *text)
{
    oid name[MAX_OID_LEN] = {PKI_MIB, 2, 2, 1, 1};
    size_t n = OID_LENGTH(chain_table_oid) + 1;
    char label[CHAIN_LABEL_SIZE];

    (void)pki_chain_label(c, label);
    name[n++] = column;
    name[n++] = strlen(label);
    for (const char *p = label; *p && n < MAX_OID_LEN; p++)
        name[n++] = (unsigned char)*p;
    snmp_varlist_add_variable(list, name, n, ASN_OCTET_STR, text, text_size(text));
}

static void notify(const oid *what, size_t n, const PkiCertificate *c, const unsigned *columns,
                   const char *left)
{
    netsnmp_variable_list *list = NULL;
    char buffer[TIME_TEXT_SIZE];

    snmp_varlist_add_variable(&list, trap_oid, OID_LENGTH(trap_oid), ASN_OBJECT_ID, what,
                              n * sizeof(oid));
    for (; *columns != 0; columns++)
        add_column(&list, c, *columns,
                   *columns == CHAIN_LEFT ? left : chain_column(c, *columns, buffer));
    send_v2trap(list);
    snmp_free_varbind(list);
}

void pki_mib_notify_installed(const PkiCertificate *c)
{
    static const unsigned columns[] = {CHAIN_SERIAL, CHAIN_ISSUER,     CHAIN_START,   CHAIN_END,
                                       CHAIN_TYPE,   CHAIN_TRUSTPOINT, CHAIN_SUBJECT, 0};

    notify(installed_oid, OID_LENGTH(installed_oid), c, columns, NULL);
}

void pki_mib_notify_expiring(const PkiCertificate *c, int64_t now)
{
    static const unsigned columns[] = {
        CHAIN_SERIAL, CHAIN_SUBJECT, CHAIN_ISSUER, CHAIN_TYPE, CHAIN_TRUSTPOINT, CHAIN_LEFT, 0};
    char left[TIME_LEFT_TEXT_SIZE];

    notify(expiring_oid, OID_LENGTH(expiring_oid), c, columns,
           time_left_render(c->not_after - now, left));
}

/* --- Set-up ----------------------------------------------------------------------------------- */

static int on_master(int major, int minor, void *session, void *userdata)
{
    has_master = minor == SNMPD_CALLBACK_INDEX_START;
    return SNMPERR_SUCCESS;
}

bool pki_mib_has_master(void)
{
    return has_master;
}

int pki_mib_init(void)
{
    static netsnmp_column_info rest = {.isRange = 1,
                                       .details.range = {CHAIN_TRUSTPOINT, CHAIN_SUBJECT}};
    static netsnmp_column_info chain = {
        .isRange = 1, .details.range = {CHAIN_SERIAL, CHAIN_TYPE}, .next = &rest};
    static netsnmp_column_info trustpoint_rest = {
        .isRange = 1, .details.range = {TRUSTPOINT_KEY_LABEL, TRUSTPOINT_STATE}};
    static netsnmp_column_info trustpoint = {
        .isRange = 1,
        .details.range = {TRUSTPOINT_SUBJECT, TRUSTPOINT_AUTO_ENROLL},
        .next = &trustpoint_rest};
    static netsnmp_column_info crl = {.isRange = 1, .details.range = {CRL_ISSUER, CRL_DELTA}};
    static netsnmp_column_info ocsp = {.isRange = 1,
                                       .details.range = {OCSP_RESPONDER, OCSP_NEXT_UPDATE}};
    int r;

    snmp_enable_stderrlog();
    /* The library reads descriptions of MIBs where there are any, and complains where there are
     * none. */
    (void)setenv("MIBS", "", 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_ROLE, 1);
    /* Nothing of the library's own configuration and state: there is nothing to set. */
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    if (init_agent("chancery-snmp") != 0)
        return -EIO;
    netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_PING_INTERVAL,
                       PING_SECONDS);
    (void)snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_START, on_master,
                                 NULL);
    (void)snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_STOP, on_master,
                                 NULL);
    r = table_register("certChainTable", on_chain, chain_table_oid, OID_LENGTH(chain_table_oid),
                       &chain, &chain_table);
    if (r >= 0)
        r = table_register("trustpointTable", on_trustpoint, trustpoint_table_oid,
                           OID_LENGTH(trustpoint_table_oid), &trustpoint, &trustpoint_table);
    if (r >= 0)
        r = table_register("pkiCRLTable", on_crl, crl_table_oid, OID_LENGTH(crl_table_oid), &crl,
                           &crl_table);
    if (r >= 0)
        r = table_register("pkiOCSPTable", on_ocsp, ocsp_table_oid, OID_LENGTH(ocsp_table_oid),
                           &ocsp, &ocsp_table);
    if (r >= 0)
        init_snmp("chancery-snmp");
    return r;
}
