/* hub/in_coap.c - listeners for CoAP. */
#include "hub/in_coap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/coap/listener.h"
#include "hub/coap/watch.h"
#include "hub/hub.h"
#include "sys/random.h"

_Static_assert(IN_COAP_ERROR_MAX >= ENGINE_ERROR_MAX, "room for the library's errors");

static struct in_coap *coap_of(const struct input *input)
{
	return LOOP_OWNER(input, struct in_coap, input);
}

static void coap_stop(struct input *input)
{
	/* The socket stays for the answers that are still owed. */
	coap_of(input)->stopping = true;
	watch_leave(coap_of(input));
}

static bool coap_busy(const struct input *input)
{
	(void)input; /* its events are counted in input->tasks */
	return false;
}

/* Tasks go before inputs. */
static void coap_close(struct input *input)
{
	struct in_coap *in = coap_of(input);

	watch_leave(in);
	loop_timer_clear(input->hub->loop, &in->timer);
	bodies_close(in->bodies);
	doubles_close(in->doubles);
	if (in->engine)
		engine_close(in->engine);
	router_close(in->router);
	psk_close(in->psk);
	free(in);
}

static const struct input_ops plain_ops = {
	.name = "coap", .stop = coap_stop, .busy = coap_busy, .close = coap_close};
static const struct input_ops dtls_ops = {
	.name = "coaps", .stop = coap_stop, .busy = coap_busy, .close = coap_close};

static void on_answer(void *context, struct engine_peer *peer, const struct coap_message *response)
{
	struct in_coap *in = context;

	(void)peer;
	(void)response; /* nothing is asked from here */
	in->input.counts.bad++;
}

static void on_failed(void *context, struct engine_peer *peer, const struct coap_message *sent)
{
	struct in_coap *in = context;

	in->input.counts.unsent++;
	watch_cancel(in, peer, sent->token, sent->token_n);
}

static bool on_key(void *context, struct mf_str identity, struct mf_str *key)
{
	struct in_coap *in = context;
	bool known = psk_find(in->psk, identity, key);

	in->handshakes++;
	in->strangers += !known;
	return known;
}

static void on_connected(void *context)
{
	struct in_coap *in = context;

	in->input.counts.connections++;
}

static const struct engine_ops engine_ops = {.asked = coap_asked,
	.answered = on_answer,
	.failed = on_failed,
	.key = on_key,
	.connected = on_connected};

static int start(struct in_coap *in, char error[static IN_COAP_ERROR_MAX])
{
	int err = doubles_open(&in->doubles, DOUBLES_BYTES);

	if (err == 0)
		err = bodies_open(&in->bodies, &in->input.hub->held);
	if (err == 0)
		err = engine_open(
			&in->engine, in->input.hub->loop, &engine_ops, in, in->psk != NULL, error);
	if (err == 0)
		err = engine_listen(in->engine, &in->input.address);
	return err;
}

int in_coap_open(struct input **input, struct hub *hub, const struct net_address *address,
	struct psk *psk, struct router *router, char error[static IN_COAP_ERROR_MAX])
{
	struct in_coap *in = calloc(1, sizeof(*in));
	int err;

	error[0] = '\0';
	if (!in)
		return -ENOMEM;
	in->input = (struct input){
		.ops = psk ? &dtls_ops : &plain_ops, .hub = hub, .address = *address};
	in->psk = psk;
	in->timer.fire = coap_on_timer;
	in->opened_ns = loop_now(hub->loop);
	random_bytes(in->seed, sizeof(in->seed));
	err = start(in, error);
	if (err < 0) {
		in->psk = NULL;
		coap_close(&in->input);
		return err;
	}
	in->router = router;
	engine_share(in->engine, router_services(router));
	in->input.text_n = net_text(&in->input.address, in->input.text);
	*input = &in->input;
	return 0;
}

void in_coap_change(struct input *input, struct psk *psk, struct router *router)
{
	struct in_coap *in = coap_of(input);

	router_close(in->router);
	psk_close(in->psk);
	in->router = router;
	in->psk = psk;
	engine_share(in->engine, router_services(router));
}

const struct router *in_coap_router(const struct input *input)
{
	return coap_of(input)->router;
}

void in_coap_look(const struct input *input, struct in_coap_counts *counts)
{
	const struct in_coap *in = coap_of(input);
	struct doubles_counts doubles;

	doubles_look(in->doubles, &doubles);
	*counts = (struct in_coap_counts){.doubles = doubles.found,
		.forgotten = doubles.forgotten,
		.handshakes = in->handshakes,
		.strangers = in->strangers,
		.kept = doubles.count,
		.kept_bytes = doubles.bytes};
}
