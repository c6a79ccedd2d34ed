/*
 * hub/metrics_parts.h - the parts of the page of metrics, one a file; metrics.c puts them together.
 */
#ifndef HUB_METRICS_PARTS_H
#define HUB_METRICS_PARTS_H

#include "hub/metrics_text.h"

void metrics_deploy(struct metrics_text *text);      /* metrics_deploy.c: versions on trial */
void metrics_services(struct metrics_text *text);    /* metrics_services.c */
void metrics_inputs(struct metrics_text *text);      /* metrics_inputs.c: listeners, CoAP */
void metrics_queue(struct metrics_text *text);       /* metrics_queue.c: other hubs */
void metrics_blobs(struct metrics_text *text);       /* metrics_blobs.c: the disk cache */
void metrics_accelerator(struct metrics_text *text); /* metrics_accelerator.c */
void metrics_center(struct metrics_text *text);      /* metrics_center.c: charges */
void metrics_store(struct metrics_text *text);       /* metrics_store.c: store, outbox, broker */

#endif
