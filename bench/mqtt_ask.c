/*
 * bench/mqtt_ask - publishes messages of QoS 1 on IN/0, IN/1 ... (as many as `window`) and waits for what
 * comes back, `window` at a time. Each has the time of its leaving in it.
 *
 *	mqtt_ask PORT IN OUT WINDOW COUNT
 *
 * Prints one line of JSON: how long one took (p50, p99 in microseconds), how many a second.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/mqtt/lib.h"
#include "sys/clock.h"

struct asking {
	struct mosquitto *m;
	const char *in;
	char *out;
	unsigned window, count, sent, got;
	uint64_t *took, began_ns, first_ns, last_ns;
	bool ready, failed;
};

static void publish(struct asking *a)
{
	uint64_t stamp[2] = {clock_mono_ns(), a->began_ns};
	char topic[128];

	snprintf(topic, sizeof(topic), "%s/%u", a->in, a->sent % a->window);
	if (mqtt_library.mosquitto_publish_v5(
		    a->m, NULL, topic, sizeof(stamp), stamp, 1, false, NULL) != 0)
		a->failed = true;
	a->sent++;
}

static void on_connect(
	struct mosquitto *m, void *context, int reason, int flags, const mosquitto_property *p)
{
	struct asking *a = context;
	char *list[] = {a->out};

	(void)flags, (void)p;
	a->failed = reason != 0;
	(void)mqtt_library.mosquitto_subscribe_multiple(m, NULL, 1, list, 1, 0, NULL);
}

static void on_subscribe(struct mosquitto *m, void *context, int mid, int count, const int *granted,
	const mosquitto_property *p)
{
	struct asking *a = context;

	(void)m, (void)mid, (void)count, (void)granted, (void)p;
	a->ready = true;
	a->first_ns = clock_mono_ns();
	while (a->sent < a->window && a->sent < a->count)
		publish(a);
}

static void on_message(struct mosquitto *m, void *context, const struct mosquitto_message *message,
	const mosquitto_property *p)
{
	struct asking *a = context;
	uint64_t stamp[2];

	(void)m, (void)p;
	if (message->payloadlen != sizeof(stamp))
		return;
	memcpy(stamp, message->payload, sizeof(stamp));
	if (stamp[1] != a->began_ns || a->got == a->count) /* of another run */
		return;
	a->last_ns = clock_mono_ns();
	a->took[a->got++] = a->last_ns - stamp[0];
	if (a->sent < a->count)
		publish(a);
}

static bool turn(struct asking *a)
{
	struct pollfd fd = {mqtt_library.mosquitto_socket(a->m), POLLIN, 0};
	int rc = 0;

	if (mqtt_library.mosquitto_want_write(a->m))
		fd.events |= POLLOUT;
	if (poll(&fd, 1, 10000) <= 0)
		return false;
	if (fd.revents & POLLOUT)
		rc = mqtt_library.mosquitto_loop_write(a->m, 1);
	if (rc == 0 && (fd.revents & ~POLLOUT))
		rc = mqtt_library.mosquitto_loop_read(a->m, 1);
	return rc == 0 && mqtt_library.mosquitto_loop_misc(a->m) == 0;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int report(struct asking *a)
{
	uint64_t p50, p99;

	qsort(a->took, a->got, sizeof(*a->took), by_size);
	p50 = a->took[a->got / 2], p99 = a->took[(size_t)a->got * 99 / 100];
	printf("{\"count\": %u, \"p50_us\": %.1f, \"p99_us\": %.1f, \"per_second\": %.0f}\n",
		a->got, (double)p50 / 1e3, (double)p99 / 1e3,
		(double)a->got * 1e9 / (double)(a->last_ns - a->first_ns));
	return 0;
}

int main(int argc, char **argv)
{
	char error[MQTT_ERROR_MAX];
	struct asking a = {.began_ns = clock_mono_ns()};

	if (argc != 6 || mqtt_load(error) < 0)
		return 2;
	a.in = argv[2], a.out = argv[3];
	a.window = (unsigned)atoi(argv[4]), a.count = (unsigned)atoi(argv[5]);
	a.took = calloc(a.count + 1, sizeof(*a.took));
	a.m = mqtt_library.mosquitto_new("bench-ask", true, &a);
	if (!a.took || !a.m)
		return 1;
	(void)mqtt_library.mosquitto_int_option(a.m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	(void)mqtt_library.mosquitto_int_option(a.m, MOSQ_OPT_RECEIVE_MAXIMUM, 256);
	(void)mqtt_library.mosquitto_int_option(a.m, MOSQ_OPT_SEND_MAXIMUM, 256);
	(void)mqtt_library.mosquitto_int_option(a.m, MOSQ_OPT_TCP_NODELAY, 1);
	mqtt_library.mosquitto_connect_v5_callback_set(a.m, on_connect);
	mqtt_library.mosquitto_subscribe_v5_callback_set(a.m, on_subscribe);
	mqtt_library.mosquitto_message_v5_callback_set(a.m, on_message);
	if (mqtt_library.mosquitto_connect_bind_v5(
		    a.m, "127.0.0.1", atoi(argv[1]), 60, NULL, NULL) != 0)
		return 1;
	while (a.got < a.count && !a.failed)
		if (!turn(&a))
			return 1;
	(void)mqtt_library.mosquitto_disconnect_v5(a.m, 0, NULL);
	return a.failed ? 1 : report(&a);
}
