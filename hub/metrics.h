/*
 * hub/metrics.h - figures for Prometheus (text format 0.0.4), and the times that they and
 * `mayfly stats` are made of. mayflyd(8) lists the names.
 */
#ifndef HUB_METRICS_H
#define HUB_METRICS_H

#include <stdio.h>

#include "hub/http/page.h"

struct ending;
struct hub;
struct service;
struct task;

/* Its times; NULL: no memory for them. */
struct service_times *metrics_times(struct service *service);
/* Notes how long an accepted event took; it has just ended. */
void metrics_life(struct service *service, const struct task *task, const struct ending *ending);

void metrics_write(const struct hub *hub, FILE *to);
page_answer metrics_page; /* GET /metrics */

#endif
