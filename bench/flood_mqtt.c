/*
 * bench/flood_mqtt - devices at a broker that publish with QoS 1, and one client that hears what comes of it.
 *
 *	flood_mqtt PORT LIGHTS THERMOSTATS DOORS METERS NAMES EVENTS
 *
 * Of each kind so many services, each with NAMES devices: buttons (button/lInJ), rooms (room/tInJ/temperature, by turns
 * too cold and too warm), doors (by turns open and closed), meters. A device is a connection of its own with one message under way.
 *
 * Each press comes to one message lamp/lInJ/set, each temperature to one room/tInJ/heating/set, in the order of what was
 * published: so these are told apart, and timed, by counting. Of doors and meters the hub's own state says how many
 * came. sensor/# (the bridge's, whose devices are flood_udp's) is counted, too.
 *
 * When all is published and acknowledged by the broker it prints "published". It ends when a line comes on standard input, and then
 * nothing for a second.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "bench/flood.h"
#include "hub/mqtt/lib.h"

#define LIB   mqtt_library
#define QUIET CLOCK_S

enum kind { LIGHT, THERMOSTAT, DOOR, METER, KINDS };

struct device {
	struct mosquitto *m;
	enum kind kind;
	unsigned service, name;
	uint32_t events, published, acknowledged, heard;
	uint64_t *sent_ns; /* of each event; NULL: no message tells of it */
	uint32_t watched;
	int fd;
};

static struct {
	struct flood f;
	unsigned services[KINDS], names, count;
	struct device *device;
	struct mosquitto *ear;
	struct device ear_device; /* for the loop */
	bool listens, failed, ending;
	uint64_t acknowledged, expected, sensors, strange, heard_ns;
	int epoll;
} flood;

static void fail(const char *what)
{
	fprintf(stderr, "flood_mqtt: %s\n", what);
	flood.failed = true;
}

/* -------------------------------------------------------------------- devices */

static void topic_of(const struct device *d, char to[static 64])
{
	static const char *const formats[KINDS] = {
		[LIGHT] = "button/l%un%u",
		[THERMOSTAT] = "room/t%un%u/temperature",
		[DOOR] = "door/d%un%u/contact",
		[METER] = "meter/m%un%u/reading",
	};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(to, 64, formats[d->kind], d->service, d->name);
#pragma GCC diagnostic pop
}

static const char *words_of(const struct device *d)
{
	static const char *const words[KINDS][2] = {
		[LIGHT] = {"press", "press"},
		[THERMOSTAT] = {"10.0", "30.0"},
		[DOOR] = {"open", "closed"},
		[METER] = {"1.5", "1.5"},
	};

	return words[d->kind][d->published % 2];
}

static void publish(struct device *d)
{
	uint64_t now = clock_mono_ns();
	const char *words = words_of(d);
	char topic[64];

	if (d->published == d->events || !flood_next(&flood.f, now))
		return;
	topic_of(d, topic);
	if (d->sent_ns)
		d->sent_ns[d->published] = now;
	d->published++;
	if (LIB.mosquitto_publish_v5(
		    d->m, NULL, topic, (int)strlen(words), words, 1, false, NULL) != 0)
		fail("a message can't be published");
}

static void on_publish(struct mosquitto *m, void *context, int mid, int reason,
	const mosquitto_property *properties)
{
	struct device *d = context;

	(void)m, (void)mid, (void)properties;
	if (reason >= 0x80)
		fail("the broker refused a message");
	d->acknowledged++;
	flood.acknowledged++;
	publish(d);
}

/* ------------------------------------------------------------------------ ear */

/* "l3n14" after `prefix`; NULL: it isn't a device's. */
static struct device *find(const char *topic, const char *prefix, char letter, enum kind kind)
{
	unsigned service, name, at = 0;
	size_t n = strlen(prefix);
	char is;

	if (strncmp(topic, prefix, n) != 0 ||
		sscanf(topic + n, "%c%un%u", &is, &service, &name) != 3 || is != letter ||
		service >= flood.services[kind] || name >= flood.names)
		return NULL;
	for (unsigned k = 0; k < (unsigned)kind; k++)
		at += flood.services[k] * flood.names;
	return &flood.device[at + service * flood.names + name];
}

static void on_message(struct mosquitto *m, void *context, const struct mosquitto_message *message,
	const mosquitto_property *properties)
{
	uint64_t now = clock_mono_ns();
	struct device *d = find(message->topic, "lamp/", 'l', LIGHT);

	(void)m, (void)context, (void)properties;
	flood.heard_ns = now;
	if (strncmp(message->topic, "sensor/", 7) == 0) {
		flood.sensors++;
		return;
	}
	if (!d)
		d = find(message->topic, "room/", 't', THERMOSTAT);
	if (!d || d->heard == d->published) { /* of nothing that was published */
		flood.strange++;
		return;
	}
	flood_end(&flood.f, FLOOD_ANSWERED, d->sent_ns[d->heard++], now);
}

static void on_subscribe(struct mosquitto *m, void *context, int mid, int count, const int *granted,
	const mosquitto_property *properties)
{
	(void)m, (void)context, (void)mid, (void)count, (void)granted, (void)properties;
	flood.listens = true;
}

static void on_connect(struct mosquitto *m, void *context, int reason, int flags,
	const mosquitto_property *properties)
{
	char lamps[] = "lamp/+/set", rooms[] = "room/+/heating/set", sensors[] = "sensor/#";
	char *list[] = {lamps, rooms, sensors};

	(void)flags, (void)properties;
	if (reason != 0)
		fail("the broker refuses a connection");
	else if (context == &flood.ear_device)
		(void)LIB.mosquitto_subscribe_multiple(m, NULL, 3, list, 1, 0, NULL);
	else
		flood.acknowledged++; /* of connections, before all begins */
}

/* ------------------------------------------------------------------------ loop */

static void watch(struct device *d, int how)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = d};

	if (LIB.mosquitto_want_write(d->m))
		event.events |= EPOLLOUT;
	if (how == EPOLL_CTL_MOD && event.events == d->watched)
		return;
	d->watched = event.events;
	if (epoll_ctl(flood.epoll, how, d->fd, &event) < 0)
		fail(strerror(errno));
}

static void turn(struct device *d, uint32_t events)
{
	int rc = 0;

	if (events & ~(uint32_t)EPOLLOUT)
		rc = LIB.mosquitto_loop_read(d->m, 1);
	if (rc == 0 && LIB.mosquitto_want_write(d->m))
		rc = LIB.mosquitto_loop_write(d->m, 1);
	if (rc != 0)
		fail(LIB.mosquitto_strerror(rc));
	else
		watch(d, EPOLL_CTL_MOD);
}

static void look(int ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(flood.epoll, events, 256, ms);

	for (int i = 0; i < n && !flood.failed; i++) {
		if (events[i].data.ptr)
			turn(events[i].data.ptr, events[i].events);
		else
			flood.ending = true; /* a line on standard input */
	}
}

static void open_device(struct device *d, unsigned number, int port)
{
	char id[64];

	snprintf(id, sizeof(id), "flood-%d-%u", getpid(), number);
	d->m = LIB.mosquitto_new(id, true, d);
	if (!d->m) {
		fail("no memory");
		return;
	}
	(void)LIB.mosquitto_int_option(d->m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	(void)LIB.mosquitto_int_option(d->m, MOSQ_OPT_TCP_NODELAY, 1);
	LIB.mosquitto_connect_v5_callback_set(d->m, on_connect);
	if (d == &flood.ear_device) {
		LIB.mosquitto_subscribe_v5_callback_set(d->m, on_subscribe);
		LIB.mosquitto_message_v5_callback_set(d->m, on_message);
	} else {
		LIB.mosquitto_publish_v5_callback_set(d->m, on_publish);
	}
	if (LIB.mosquitto_connect_bind_v5(d->m, "127.0.0.1", port, 3600, NULL, NULL) != 0) {
		fail("the broker can't be reached");
		return;
	}
	d->fd = LIB.mosquitto_socket(d->m);
	watch(d, EPOLL_CTL_ADD);
}

static void make(struct device *d, enum kind kind, unsigned service, unsigned name)
{
	unsigned all = flood.count, i = (unsigned)(d - flood.device);

	d->kind = kind;
	d->service = service;
	d->name = name;
	d->events = (uint32_t)(flood.f.events / all + (i < flood.f.events % all));
	if (kind == LIGHT || kind == THERMOSTAT) {
		d->sent_ns = calloc(d->events + 1, sizeof(*d->sent_ns));
		if (!d->sent_ns)
			fail("no memory");
		flood.expected += d->events;
	}
}

/* All connections are there. */
static void open_all(int port)
{
	struct device *d = flood.device;

	for (unsigned k = 0; k < KINDS; k++)
		for (unsigned s = 0; s < flood.services[k]; s++)
			for (unsigned n = 0; n < flood.names; n++)
				make(d++, (enum kind)k, s, n);
	open_device(&flood.ear_device, flood.count, port);
	for (unsigned i = 0; i < flood.count && !flood.failed; i++)
		open_device(&flood.device[i], i, port);
	while (!flood.failed && (!flood.listens || flood.acknowledged < flood.count))
		look(1000);
	flood.acknowledged = 0;
}

static void publish_all(void)
{
	for (unsigned i = 0; i < flood.count && !flood.failed; i++) {
		publish(&flood.device[i]);
		watch(&flood.device[i], EPOLL_CTL_MOD);
	}
	while (!flood.failed && flood.acknowledged < flood.f.events)
		look(1000);
	puts("published");
	fflush(stdout);
}

static void hear_the_rest(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	flood.heard_ns = clock_mono_ns();
	if (epoll_ctl(flood.epoll, EPOLL_CTL_ADD, 0, &event) < 0)
		fail(strerror(errno));
	while (!flood.failed && !(flood.ending && clock_mono_ns() - flood.heard_ns >= QUIET))
		look(100);
}

int main(int argc, char **argv)
{
	char error[MQTT_ERROR_MAX], more[256];

	if (argc != 8 || mqtt_load(error) < 0)
		return 2;
	for (unsigned k = 0; k < KINDS; k++)
		flood.services[k] = (unsigned)atoi(argv[2 + k]);
	flood.names = (unsigned)atoi(argv[6]);
	for (unsigned k = 0; k < KINDS; k++)
		flood.count += flood.services[k] * flood.names;
	flood_open(&flood.f, strtoull(argv[7], NULL, 10));
	flood.device = calloc(flood.count + 1, sizeof(*flood.device));
	flood.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!flood.device || flood.count == 0 || flood.epoll < 0)
		return 1;
	open_all(atoi(argv[1]));
	if (!flood.failed)
		flood_wait(&flood.f);
	publish_all();
	if (!flood.failed)
		hear_the_rest();
	snprintf(more, sizeof(more),
		", \"acknowledged\": %" PRIu64 ", \"expected\": %" PRIu64 ", \"sensors\": %" PRIu64
		", \"strange\": %" PRIu64 ", \"heard_s\": %.3f",
		flood.acknowledged, flood.expected, flood.sensors, flood.strange,
		(double)(flood.heard_ns - flood.f.began_ns) / 1e9);
	flood_print(&flood.f, more);
	return flood.failed;
}
