/*
 * hub/coap/doubles.h - which requests came already, and what was answered. A request that comes again
 * (its acknowledgement was lost) has no second life: it gets the same answer, from memory, for
 * EXCHANGE_LIFETIME (RFC 7252, 4.5 and 4.8.2).
 *
 * A request is known by its endpoint and message id. One that has those of another and is otherwise not
 * the same, byte for byte, isn't it come again: a device that was switched off and on counts from where
 * it likes. Bounded in bytes: the oldest that was answered goes first. One that has no answer yet stays:
 * how many there are, the services' queues say. One thread.
 */
#ifndef HUB_COAP_DOUBLES_H
#define HUB_COAP_DOUBLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/coap/message.h"
#include "sys/net.h"

#define DOUBLES_BYTES (4u << 20)
#define DOUBLES_CON_S 247u /* EXCHANGE_LIFETIME */
#define DOUBLES_NON_S 145u /* NON_LIFETIME */

struct doubles;
struct doubles_entry;

struct doubles_key {
	struct net_address from;
	uint32_t session; /* of DTLS */
	uint16_t id;
};

enum doubles_found {
	DOUBLES_NEW,      /* *entry is for the answer; NULL: no memory, it isn't kept */
	DOUBLES_RUNNING,  /* the first one has no answer yet */
	DOUBLES_SEPARATE, /* it was acknowledged, and answered in a message of its own */
	DOUBLES_ANSWERED  /* doubles_answer has it */
};

struct doubles_counts {
	uint64_t found, forgotten; /* forgotten: before their time, for want of room */
	size_t count, bytes;
};

int doubles_open(struct doubles **doubles, size_t most_bytes);
void doubles_close(struct doubles *doubles);

enum doubles_found doubles_find(struct doubles *doubles, const struct doubles_key *key,
	const struct coap_message *request, uint64_t now_ns, struct doubles_entry **entry);
/* What was answered; of a message that has no answer (a non-confirmable one) NULL. It was given in a
 * message of its own: separate. */
void doubles_keep(struct doubles *doubles, struct doubles_entry *entry,
	const struct coap_message *answer, bool separate);
/* It had no effect, and may as well be tried again. */
void doubles_drop(struct doubles *doubles, struct doubles_entry *entry);
/* Without type, id and token, which are the request's; its payload lies there until the next call. */
void doubles_answer(const struct doubles_entry *entry, struct coap_message *answer);
/* Those whose time is over are gone; when the next one's is, 0: there is none. */
uint64_t doubles_expire(struct doubles *doubles, uint64_t now_ns);
void doubles_look(const struct doubles *doubles, struct doubles_counts *counts);

#endif
