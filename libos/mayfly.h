/*
 * mayfly.h - all that a service needs to know.
 *
 * A service is one function, mf_main. It runs once, for one event, in a virtual
 * machine that was born for it, and what it leaves in memory is gone when it
 * returns. What it wants to happen it says through effects (mf_reply, mf_put,
 * mf_emit ...): they are gathered in memory, and the hub does all of them or,
 * if this life crashes or overruns, none.
 *
 * Everything that mf_str points to lives as long as the life. Nothing here
 * returns an error that a service must handle: a life whose effects or heap
 * don't fit ends there, and the hub says why.
 */
#ifndef MAYFLY_H
#define MAYFLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "base/str.h" /* struct mf_str, MF_STR("literal"), mf_str_eq ... */

/* What the service defines. mf_init is optional: it runs once, when the snapshot
 * is made from which every life starts; it sees attached data and
 * config, but no event, no clock, no seed and no state. */
void mf_main(const struct mf_event *ev);
void mf_init(void);

/* --- event: what happened */
struct mf_str mf_payload(const struct mf_event *ev); /* wherever it lies: memory.input */
struct mf_str mf_id(const struct mf_event *ev);
struct mf_str mf_type(const struct mf_event *ev);
struct mf_str mf_subject(const struct mf_event *ev); /* topic, path */
/* The n-th part, from 1, of a topic or path, as in the manifest's {1}; p is NULL if it has fewer. */
struct mf_str mf_part(const struct mf_event *ev, unsigned n);
struct mf_str mf_method(const struct mf_event *ev);
struct mf_str mf_query(const struct mf_event *ev);
struct mf_str mf_peer(const struct mf_event *ev);
struct mf_str mf_content_type(const struct mf_event *ev);
/* An attribute by name, case ignored (an HTTP header, a user property; MF_CLIENT: who asks, as the
 * hub says it); p is NULL if absent. */
struct mf_str mf_attribute(const struct mf_event *ev, const char *name);

/* --- state: what the manifest's `reads` had attached */
struct mf_str mf_state(const char *key); /* p is NULL if the key does not exist */
uint64_t mf_state_u64(const char *key, uint64_t otherwise); /* decimal text */
uint64_t mf_state_version(const char *key);                 /* 0: the key does not exist */

/* --- effects: what should happen */
void mf_reply(uint32_t status, const char *content_type, const void *body, size_t n);
void mf_reply_text(const char *text);                      /* 200, text/plain */
void mf_reply_bytes(const void *body, size_t n);           /* a datagram: no type, status 200 */
void mf_reply_header(const char *name, const char *value); /* before the reply */
/* Room for a reply of up to n bytes, written in place: no copy. Then mf_reply_sent(n).
 * Returns the room that there is (*n is lowered to it). No other effect in between. */
uint8_t *mf_reply_room(size_t *n);
void mf_reply_sent(uint32_t status, const char *content_type, size_t n);
/* A large reply, without a copy: memory.output bytes that are zero when the life begins, and the reply is
 * the first n of them; NULL and 0 where the manifest has none. */
uint8_t *mf_output(size_t *capacity);
void mf_reply_output(uint32_t status, const char *content_type, size_t n);
/* What is wrong with a request: problem details as JSON (RFC 9457), with the event's id.
 * Title: the status in words; detail: a sentence about this case. */
void mf_reply_problem(uint32_t status, const char *title, const char *detail);
/* How many bytes the body of a reply may have (memory.effects) beside a content type and headers
 * of up to 512 bytes; for mf_init too. */
size_t mf_reply_most(void);

void mf_emit(const char *topic, const char *text);
void mf_emit_bytes(const char *topic, const void *body, size_t n, uint32_t qos, bool retain);
void mf_put(const char *key, const void *value, size_t n);
void mf_put_u64(const char *key, uint64_t value);
void mf_put_if(const char *key, const void *value, size_t n, uint64_t version);
void mf_delete(const char *key);
/* An event for this service itself, later; one of a name, a new one takes its place; 0: none any more. */
void mf_schedule(const char *name, uint64_t delay_ns, const void *body, size_t n);
void mf_meter(const char *unit, uint64_t quantity);
void mf_upstream(const char *subject, const void *body, size_t n, uint32_t priority);

/* A question to another service; suspends this life until it is answered, at the latest shortly before its own
 * deadline. A refusal is an answer too: mayfly.h(3) lists them. */
struct mf_answer {
	uint32_t status; /* as in HTTP; 204: it gave no reply */
	struct mf_str body;
};
struct mf_answer mf_call(const char *service, const char *path, const void *body, size_t n);
/* Of mf_event.accelerator (abi/guest.h): from how many additions and multiplications on a product of matrices is worth
 * asking the hub's special hardware for; 0: there is none, or this service may not ask. */
uint64_t mf_accelerator(const struct mf_event *ev);
/* C := alpha op(A) op(B) + beta C by that hardware. 200: it is done, and the body is the device's name. 504: this life must not
 * use its output area any more. Else it wasn't done, and C may hold anything. */
struct mf_answer mf_gemm(const struct mf_gemm *gemm);

/* This life failed: nothing that it asked for happens but its logs. In mf_init:
 * the service can't run at all. The text reaches the operator. */
_Noreturn void mf_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- log: %s %d %u %ld %lu %llu %zu %x %c %% and %.*s, as in printf */
void mf_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mf_log_at(enum mf_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- format: returns the length it would have had, like snprintf */
size_t mf_format(char *to, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- memory: freed by death. Never NULL: a life that needs more than its window ends. */
void *mf_alloc(size_t n);
/* In mf_init only: memory that lives can read but not write, and that a birth
 * needn't put back (manifest: memory.init). */
void *mf_init_alloc(size_t n);
size_t mf_init_left(void);

/* --- attached data and config, from hub.yaml or `mayfly up`; p is NULL if absent */
struct mf_str mf_data(const char *name);
struct mf_str mf_config(const char *key);
/* The i-th attached file, sorted by name; false: there are no more. For services that take
 * any number of files (zones, rules). */
bool mf_data_at(size_t i, struct mf_str *name, struct mf_str *value);

/* --- clock: the event's, so that a replayed life sees the same */
int64_t mf_time_ns(void);     /* wall clock, since 1970 */
uint64_t mf_elapsed_ns(void); /* never goes back */

/* --- random: ChaCha20 of the event's seed */
void mf_random(void *to, size_t n);
uint64_t mf_random_u64(void);
uint64_t mf_random_below(uint64_t bound); /* without bias; bound > 0 */

/* --- strings and memory, as in C */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

#endif
