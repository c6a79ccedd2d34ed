/*
 * hub/pages_json.h - pieces of JSON pages, and how a page refuses. Shared by hub/pages*.c.
 */
#ifndef HUB_PAGES_JSON_H
#define HUB_PAGES_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/histogram.h"
#include "hub/http/page.h"

extern const char pages_as_json[];

/* Writes the object and frees it. */
void pages_put(FILE *to, json_t *object);
void pages_set(json_t *object, const char *key, json_t *value);
json_t *pages_count(uint64_t n);
json_t *pages_us(uint64_t ns);
/* As pages_us; null: nothing was counted, or `h` is NULL. */
json_t *pages_quantile(const struct histogram *h, unsigned permille);
json_t *pages_text_or_null(const char *text);
/* Any bytes, as base64. */
json_t *pages_base64(const void *bytes, size_t n);

/* The whole answer; the object is taken. */
void pages_answer(struct page_reply *reply, json_t *object);
/* RFC 9457. The detail, which is taken, may quote the request: it is JSON, so no harm is done. */
void pages_refuse(struct page_reply *reply, unsigned status, const char *title, json_t *detail);

#endif
