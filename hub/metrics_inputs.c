/* hub/metrics_inputs.c - what came by which listener, CoAP's own figures. */
#include "hub/metrics_parts.h"

#include <string.h>

#include "hub/coap/watch.h"
#include "hub/coap/way.h"
#include "hub/emit.h"
#include "hub/hub.h"
#include "hub/in_coap.h"
#include "hub/web/poster.h"

#define COUNT(member) offsetof(struct input_counts, member)

static const struct {
	const char *name, *help;
	size_t offset;
} of_input[] = {
	{"mayfly_listener_events_total", "Events that came in.", COUNT(events)},
	{"mayfly_listener_requests_total", "Requests that were answered.", COUNT(requests)},
	{"mayfly_listener_bad_total", "What came in but was no event.", COUNT(bad)},
	{"mayfly_listener_replies_total", "Replies that went out.", COUNT(replies)},
	{"mayfly_listener_unsent_total", "Replies that nobody took.", COUNT(unsent)},
	{"mayfly_listener_dropped_total",
		"Events that were refused without a word, connections that were turned away.",
		COUNT(dropped)},
	{"mayfly_listener_received_bytes_total", "Of events.", COUNT(bytes_in)},
	{"mayfly_listener_sent_bytes_total", "Of replies.", COUNT(bytes_out)},
	{"mayfly_listener_connections_total", "Connections that were accepted.",
		COUNT(connections)},
};

static void begin_input(struct metrics_text *t, const char *name, const struct input *in)
{
	metrics_put(t, name);
	metrics_label(t, '{', "transport", in->ops->name);
	metrics_label(t, ',', "address", in->text);
	if (in->service)
		metrics_label(t, ',', "service", in->service->name);
}

static void write_inputs(struct metrics_text *t)
{
	static const char open[] = "mayfly_listener_connections";

	for (unsigned i = 0; i < sizeof(of_input) / sizeof(of_input[0]); i++) {
		metrics_family(t, of_input[i].name, "counter", of_input[i].help);
		for (const struct input *in = t->hub->inputs; in; in = in->next) {
			begin_input(t, of_input[i].name, in);
			metrics_number(t,
				*(const uint64_t *)(const void *)((const char *)&in->counts +
					of_input[i].offset));
		}
	}
	metrics_family(t, open, "gauge", "Connections that are open.");
	for (const struct input *in = t->hub->inputs; in; in = in->next) {
		begin_input(t, open, in);
		metrics_number(t, in->counts.open);
	}
}

#define COAP(member) offsetof(struct in_coap_counts, member)

static const struct {
	const char *name, *type, *help;
	size_t offset;
} of_coap[] = {
	{"mayfly_coap_duplicates_total", "counter",
		"Requests that came again and got no second life.", COAP(doubles)},
	{"mayfly_coap_forgotten_total", "counter",
		"Requests that were forgotten before their time, for want of room.",
		COAP(forgotten)},
	{"mayfly_coap_handshakes_total", "counter",
		"DTLS: clients that named themselves; those that had the key became connections.",
		COAP(handshakes)},
	{"mayfly_coap_strangers_total", "counter", "DTLS: of those, that nobody knows.",
		COAP(strangers)},
	{"mayfly_coap_kept", "gauge", "Requests that are remembered, and their answers.",
		COAP(kept)},
	{"mayfly_coap_kept_bytes", "gauge", "What they take.", COAP(kept_bytes)},
};

static bool speaks_coap(const struct input *in)
{
	return strncmp(in->ops->name, "coap", 4) == 0;
}

static void write_coap(struct metrics_text *t)
{
	struct in_coap_counts counts;
	const struct input *in = t->hub->inputs;

	while (in && !speaks_coap(in))
		in = in->next;
	if (!in)
		return;
	for (unsigned i = 0; i < sizeof(of_coap) / sizeof(of_coap[0]); i++) {
		metrics_family(t, of_coap[i].name, of_coap[i].type, of_coap[i].help);
		for (in = t->hub->inputs; in; in = in->next) {
			if (!speaks_coap(in))
				continue;
			in_coap_look(in, &counts);
			begin_input(t, of_coap[i].name, in);
			metrics_number(t,
				*(const uint64_t *)(const void *)((const char *)&counts +
					of_coap[i].offset));
		}
	}
	metrics_plain(t, "mayfly_coap_observers", "gauge", "Clients that are told of changes.",
		watch_count(t->hub));
}

static void write_way(struct metrics_text *t)
{
	struct poster_counts http;
	struct way_counts counts;

	if (!t->hub->emit)
		return;
	emit_look(t->hub, &counts, &http);
	metrics_plain(t, "mayfly_coap_sent_total", "counter",
		"Messages to devices and observers that arrived.", counts.arrived);
	metrics_plain(t, "mayfly_coap_sent_refused_total", "counter",
		"Of those, that were answered with an error of the sender's.", counts.refused);
	metrics_plain(t, "mayfly_coap_sent_again_total", "counter",
		"Messages to devices that were put off.", counts.again);
	metrics_plain(t, "mayfly_coap_given_up_total", "counter",
		"Messages to devices that were given up.", counts.given_up);
	metrics_plain(t, "mayfly_http_sent_total", "counter",
		"Messages to http:// and https:// that arrived.", http.arrived);
	metrics_plain(t, "mayfly_http_sent_again_total", "counter",
		"Of those messages, that were put off.", http.again);
	metrics_plain(t, "mayfly_http_given_up_total", "counter",
		"Of those messages, that were given up: answered with what would be the same "
		"again.",
		http.given_up);
	metrics_plain(t, "mayfly_http_requests", "gauge",
		"Requests with such messages that are under way.", http.running);
}

/* Who asked and may not, where anybody is asked who he is. */
static void write_denials(struct metrics_text *t)
{
	static const char name[] = "mayfly_listener_denied_total";

	metrics_family(t, name, "counter", "Clients that may not ask, by why.");
	for (const struct input *in = t->hub->inputs; in; in = in->next)
		for (unsigned i = ACCESS_GRANTED + 1; i < ACCESS_RESULTS; i++)
			if (in->counts.denied[i] > 0) {
				begin_input(t, name, in);
				metrics_label(t, ',', "reason", access_result_names[i]);
				metrics_number(t, in->counts.denied[i]);
			}
}

void metrics_inputs(struct metrics_text *t)
{
	write_inputs(t);
	write_denials(t);
	write_coap(t);
	write_way(t);
}
