/* SPDX-License-Identifier: Apache-2.0 */
/* report-private.h - what the forms of the report share */
#ifndef OBSERVE_REPORT_PRIVATE_H
#define OBSERVE_REPORT_PRIVATE_H

#include "observe/report.h"

#include <json-c/json.h>

/* report_json() - {v, peers, spans, dropped}; the caller puts it. */
struct json_object *report_json(const struct report *r);

#endif
