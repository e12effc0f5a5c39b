/* SPDX-License-Identifier: Apache-2.0 */
/* Trustpoints with the same CA would ask it for the same list over SCEP. While one of them asks,
 * the others wait; what has come is there for all that began before it was in the cache. A server
 * that has failed two of them is left alone for a minute: the first may have failed for its own
 * sake, or by a URL of its own. In memory only, and shared by all threads. */
#pragma once

#include "crl.h"

#define CRL_CA_SIZE 32U
#define CRL_SERVER_TRIES 2U
#define CRL_SERVER_PAUSE_SECONDS 60U
/* CAs and servers of theirs. Whoever finds all places taken asks by itself. */
#define CRL_QUESTIONS_MAX 64U

typedef struct CrlQuestions CrlQuestions;

/* Who wants to know, and whom it would ask. */
typedef struct CrlAsker {
    const char *trustpoint; /* NULL: nobody can be asked */
    const char *server;     /* the same text for the same server, reached by the same way */
    const uint8_t *ca;      /* SHA-256 of the CA's certificate */
} CrlAsker;

/* What has come of a question. */
typedef enum CrlOutcome {
    CRL_CAME,
    CRL_FAILED,
    CRL_NOT_ASKED, /* after all: nothing is known of the server */
} CrlOutcome;

CrlQuestions *crl_questions_new(void);
CrlQuestions *crl_questions_free(CrlQuestions *questions);
DEFINE_TRIVIAL_CLEANUP_FUNC(CrlQuestions *, crl_questions_free);

/* Returns 1 when it is the caller who asks, and then calls crl_question_end(); 0 with the lists
 * that another one has got, once they have come; -EHOSTDOWN: the server is left alone; -ECANCELED
 * when cancel_fd (or -1) becomes readable; -ETIMEDOUT at the end (CLOCK_BOOTTIME, microseconds); or
 * another negative errno. */
int crl_question_begin(CrlQuestions *questions, const CrlAsker *asker, int cancel_fd, uint64_t end,
                       CrlList *ret);
/* The lists are those that have come; what cannot be kept for others is asked for again. */
void crl_question_end(CrlQuestions *questions, const CrlAsker *asker, CrlOutcome outcome,
                      const CrlList *lists);
/* Nothing is known any more, but for who is asking at this moment. */
void crl_questions_forget(CrlQuestions *questions);
