/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a trustpoint until some day if nobody does anything: the functions that decide
 * now, asked about later. Renewals are taken to be granted. No clock is read here. */
#pragma once

#include "trustpoint.h"

typedef enum ForecastKind {
    FORECAST_ALERT,   /* it would be said that a certificate ends */
    FORECAST_RENEWAL, /* a certificate would be renewed */
    FORECAST_REQUEST, /* a CA would have been asked for the last time */
    FORECAST_BREAK,   /* something would not work any more */
} ForecastKind;

/* "alert", "renewal", "request", "break" */
const char *forecast_kind_name(ForecastKind kind);

/* text: one sentence. A negative errno ends it. */
typedef int (*forecast_t)(void *userdata, const Trustpoint *t, int64_t when, ForecastKind kind,
                          const char *text);

/* Everything from now, which is included, until at, which is too; of each certificate in order. */
int forecast(const Trustpoint *t, int64_t now, int64_t at, forecast_t report, void *userdata);
