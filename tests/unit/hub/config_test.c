/* hub/config: hub.yaml, whole, and every way to get it wrong. */
#include "hub/config.h"
#include "hub/config_raw.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/mayfly-config-XXXXXX";
static char file[64];
static char error[CONFIG_ERROR_MAX];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/hub.yaml", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

static int open_text(struct config *config, const char *text, const char *as)
{
	FILE *to = fopen(file, "w");

	assert_non_null(to);
	fputs(text, to);
	fclose(to);
	error[0] = '\0';
	return config_open(config, file, as, error);
}

static void assert_path(const char *is, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_string_equal(is, path);
}

static void check_trust(const struct config_trust *t)
{
	assert_true(t->allow_unsigned);
	assert_int_equal(t->keys_count, 2);
	assert_path(t->keys[0].key, "a.pub");
	assert_false(t->keys[0].is_text);
	assert_true(t->keys[0].revoked);
	assert_false(t->keys[0].services_given);
	assert_null(t->keys[0].name);
	assert_true(t->keys[1].is_text);
	assert_memory_equal(t->keys[1].key, "RWSkDqEQ", 8);
	assert_string_equal(t->keys[1].name, "b");
	assert_false(t->keys[1].revoked);
	assert_int_equal(t->keys[1].services_count, 2);
	assert_string_equal(t->keys[1].services[1], "y-*");
}

static void check_top(const struct config *c)
{
	assert_path(c->state, "var");
	assert_string_equal(c->admin, "/run/x.sock");
	assert_false(c->no_admin);
	check_trust(&c->trust);
	assert_int_equal(net_port(&c->metrics.address), 9100);
	assert_int_equal(c->log, CONFIG_LOG_JSON);
	assert_int_equal(c->connections, 77);
	assert_int_equal(c->memory, 2 << 20);
	assert_int_equal(c->limits.header, 4096);
	assert_int_equal(c->limits.request_ns, 1000000000u);
	assert_int_equal(c->limits.keepalive_ns, 2000000000u);
	assert_int_equal(c->http_count, 2);
	assert_int_equal(net_port(&c->http[0].address), 8080);
	assert_null(c->http[0].certificate);
	assert_path(c->http[1].certificate, "tls/a.pem");
	assert_string_equal(c->http[1].key, "/etc/a.key");
	assert_non_null(strstr(c->http[1].place, "hub.yaml:14:5"));
}

static void check_routes(const struct config_service *s)
{
	assert_true(s->http_given);
	assert_int_equal(s->http_count, 2);
	assert_true(s->http[0].listen_given);
	assert_int_equal(net_port(&s->http[0].listen), 8080);
	assert_string_equal(s->http[0].host, "a.example");
	assert_string_equal(s->http[0].method, "POST");
	assert_null(s->http[0].path);
	assert_false(s->http[1].listen_given);
	assert_string_equal(s->http[1].path, "/a/+/#");
	assert_non_null(strstr(s->http[1].place, "hub.yaml:27:9"));
}

static void test_defaults(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(open_text(&c,
				 "mayfly: 1\nadmin: none\nservices:\n  - image: /x\n"
				 "    http: []\n",
				 NULL),
		0);
	assert_null(c.state);
	assert_false(c.trust.allow_unsigned);
	assert_null(c.admin);
	assert_true(c.no_admin);
	assert_int_equal(c.metrics.address.size, 0);
	assert_int_equal(c.log, CONFIG_LOG_TEXT);
	assert_int_equal(c.connections, 1024);
	assert_int_equal(c.memory, 32 << 20);
	assert_int_equal(c.limits.header, 16384);
	assert_int_equal(c.http_count, 0);
	assert_true(c.services[0].http_given);
	assert_int_equal(c.services[0].http_count, 0);
	config_close(&c);
}

static const char whole[] =
	"mayfly: 1\n"
	"backend: process\n"
	"state: var\n"
	"admin: /run/x.sock\n"
	"metrics: 127.0.0.1:9100\n"
	"log: json\n"
	"trust: {allow_unsigned: true, keys: [{key: a.pub, revoked: true}, {name: "
	"b,\n"
	"  key: RWSkDqEQGdqnldaPC18zmXOgionOcesfmKKQmv2kKpICPVyqvuiIm2q4,\n"
	"  services: [x, y-*]}]}\n"
	"limits: {connections: 77, memory: 2MiB, header: 4KiB, request: 1s,\n"
	"  keepalive: 2s}\n"
	"http:\n"
	"  - listen: 127.0.0.1:8080\n"
	"  - listen: 127.0.0.1:8443\n"
	"    tls: {certificate: tls/a.pem, key: /etc/a.key}\n"
	"services:\n"
	"  - image: dns.mfy\n"
	"    name: names\n"
	"    data:\n"
	"      a.zone: zones/a.zone\n"
	"      b.zone: /etc/b.zone\n"
	"    config: {ttl: 60, empty: \"\"}\n"
	"    udp: [127.0.0.1:53, \"[::1]:53\"]\n"
	"    tcp: [\"*:53\"]\n"
	"    http:\n"
	"      - {listen: 127.0.0.1:8080, host: a.example, method: POST}\n"
	"      - {path: /a/+/#}\n"
	"    socket: worker\n"
	"    allow_rollback: 3\n"
	"    backend: kvm\n"
	"    birth: fresh\n"
	"    core: 0\n"
	"    limits: {queue: 5, threads: 2, idle: 3s, deadline: 200ms, cpu: 10ms,\n"
	"      failures: 0}\n"
	"  - image: /srv/echo.mfy\n";

static void check_first(const struct config_service *s)
{
	char path[128];

	assert_string_equal(s->name, "names");
	snprintf(path, sizeof(path), "%s/dns.mfy", directory);
	assert_string_equal(s->image, path);
	assert_int_equal(s->data_count, 2);
	snprintf(path, sizeof(path), "a.zone=%s/zones/a.zone", directory);
	assert_string_equal(s->data[0], path);
	assert_string_equal(s->data[1], "b.zone=/etc/b.zone");
	assert_int_equal(s->config_count, 2);
	assert_string_equal(s->config[0], "ttl=60");
	assert_string_equal(s->config[1], "empty=");
	assert_int_equal(s->udp_count, 2);
	assert_int_equal(net_port(&s->udp[1]), 53);
	assert_int_equal(s->tcp_count, 1);
	check_routes(s);
	assert_int_equal(s->backend, MFW_BACKEND_KVM);
	assert_int_equal(s->birth, MFW_FRESH);
	assert_int_equal(s->core, 0);
	assert_int_equal(s->queue, 5);
	assert_int_equal(s->threads, 2);
	assert_int_equal(s->idle_ns, 3000000000u);
	assert_int_equal(s->deadline_ns, 200000000u);
	assert_int_equal(s->cpu_ns, 10000000u);
	assert_int_equal(s->failures, 0);
	assert_int_equal(s->socket, CONFIG_SOCKET_WORKER);
	assert_true(s->allow_rollback_given);
	assert_int_equal(s->allow_rollback, 3);
}

/* What it doesn't say. */
static void check_second(const struct config_service *s)
{
	assert_null(s->name);
	assert_string_equal(s->image, "/srv/echo.mfy");
	assert_int_equal(s->backend, MFW_BACKEND_PROCESS); /* that of the file */
	assert_false(s->birth_given);
	assert_false(s->http_given);
	assert_int_equal(s->failures, 10);
	assert_int_equal(s->socket, CONFIG_SOCKET_HUB);
	assert_int_equal(s->core, CORE_AUTO);
	assert_int_equal(s->idle_ns, 10000000000u);
	assert_int_equal(s->queue, 0);
}

static void test_whole(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(open_text(&c, whole, NULL), 0);
	check_top(&c);
	assert_int_equal(c.services_count, 2);
	check_first(&c.services[0]);
	check_second(&c.services[1]);
	config_close(&c);
}

#define QUEUE(database, name, url)                                                                 \
	"queue: {database: \"" database "\", name: " name ", url: \"" url "\"}\n"
#define TOP(lines) "mayfly: 1\n" lines "services:\n  - image: x.mfy\n"
#define ONE        "mayfly: 1\nservices:\n  - image: x.mfy\n"
#define STATE      "state: s\n"
#define BROKER     TOP(STATE "mqtt: {broker: mqtt://b}\n")

static const struct {
	const char *text, *place, *words;
} wrong[] = {
	{"", ":1:1:", "nothing"},
	{"services: [", ":1:", ""},
	{"mayfly: 2\nservices:\n  - image: x\n", ":1:9:", "schema '2' is not known"},
	{"mayfly: 1\n", ":1:1:", "'services' is missing"},
	{"mayfly: 1\nservices:\n  - name: x\n", ":3:5:", "'image' is missing"},
	{"mayfly: 1\nservice: []\n", ":2:1:", "unknown key 'service'; did you mean 'services'?"},
	{ONE "    imege: y\n", ":4:5:", "unknown key 'imege'; did you mean 'image'?"},
	{ONE "    limits: {qeue: 3}\n", ":4:14:", "did you mean 'queue'?"},
	{ONE "    zzzzzzzz: 1\n", ":4:5:", "hub.yaml(5)"},
	{ONE "    image: y\n", ":4:5:", "second time"},
	{ONE "    udp: 127.0.0.1:53\n", ":4:10:", "should be a list"},
	{ONE "    udp: [localhost:53]\n", ":4:11:", "'localhost:53' is not an address"},
	{ONE "    tcp: [127.0.0.1:5, 1.2.3.4]\n", ":4:24:", "'1.2.3.4' is not an address"},
	{ONE "    backend: vkm\n", ":4:14:", "did you mean 'kvm'?"},
	{ONE "    birth: twice\n", ":4:12:", "there are pooled, fresh"},
	{ONE "    core: 99999\n", ":4:11:", "neither 'auto'"},
	{ONE "    limits: {idle: 5}\n", ":4:20:", "'5' is not a time"},
	{ONE "    limits: {queue: 0}\n", ":4:21:", "out of bounds"},
	{ONE "    limits: {threads: many}\n", ":4:23:", "'many' is not a whole number"},
	{ONE "    data: [a, b]\n", ":4:11:", "lines 'name: value'"},
	{ONE "    data: {a: [b]}\n", ":4:15:", "'a' should be a text"},
	{ONE "    config: {[a]: b}\n", ":4:14:", "must be a word"},
	{ONE "    limits: {failures: 1x}\n", ":4:24:", "'1x' is not a whole number"},
	{ONE "    socket: wroker\n", ":4:13:", "did you mean 'worker'?"},
	{ONE "    http: {path: /a}\n", ":4:11:", "should be a list"},
	{ONE "    http: [/a]\n", ":4:12:", "should be a set of keys"},
	{ONE "    http: [{paht: /a}]\n", ":4:13:", "did you mean 'path'?"},
	{ONE "    http: [{path: a}]\n", ":4:19:", "path: 'a' doesn't begin with '/'"},
	{ONE "    http: [{path: /a/#/b}]\n", ":4:19:", "has '#' before its end"},
	{ONE "    http: [{method: get}]\n", ":4:21:", "not written in capitals"},
	{ONE "    http: [{host: 'a:80'}]\n", ":4:19:", "'a:80' is not a host's name"},
	{ONE "    http: [{listen: 8080}]\n", ":4:21:", "'8080' is not an address"},
	{ONE "    http: [{listen: 127.0.0.1:80}]\n", ":4:21:", "no entry of 'http' at the top"},
	{TOP("http: [{listen: localhost:80}]\n"), ":2:17:", "'localhost:80' is not an address"},
	{TOP("http: [{tls: {certificate: a, key: b}}]\n"), ":2:8:", "'listen' is missing"},
	{TOP("http: [{listen: 127.0.0.1:80, tls: {key: b}}]\n"),
		":2:36:", "'certificate' is missing"},
	{TOP("http: [{listen: 127.0.0.1:80}, {listen: 127.0.0.1:80}]\n"), ":2:41:", "hub.yaml:2:8"},
	{TOP("metrics: 9100\n"), ":2:10:", "metrics: '9100' is not an address"},
	{TOP("log: jsn\n"), ":2:6:", "did you mean 'json'?"},
	{TOP("limits: {header: 100}\n"), ":2:18:", "out of bounds: from 1 KiB to 1 MiB"},
	{TOP("limits: {request: 30}\n"), ":2:19:", "'30' is not a time"},
	{TOP("statte: x\n"), ":2:1:", "did you mean 'state'?"},
	{TOP("trust: {keys: [{key: a, services: [b, C]}]}\n"), ":2:39:", "'C' is not a service's"},
	{TOP("trust: {keys: [{name: a}]}\n"), ":2:", "'key' is missing"},
	{ONE "    allow_rollback: true\n", ":4:21:", "'true' is not a whole number"},
	{TOP("trust: {allow_unsigned: yes}\n"), ":2:25:", "there are false, true"},
	{TOP("admin: /0123456789012345678901234567890123456789012345678901234567890123456789"
	     "01234567890123456789012345678901234567890123456789\n"),
		":2:8:", "a socket's path at most 107"},
	{"mayfly: 1\nlimits: {connections: 0}\nservices:\n  - image: x\n",
		":2:23:", "out of bounds"},
	{"mayfly: 1\nbackend: kvn\nservices:\n  - image: x\n", ":2:10:", "did you mean 'kvm'?"},
	{"mayfly: 1\nservices: &a\n  - image: *a\n", "", ""},
	{TOP("mqtt: {broker: mqtt://b}\n"), ":2:", "add 'state: DIRECTORY'"},
	{TOP(STATE "mqtt: {}\n"), ":3:", "'broker' is missing"},
	{TOP(STATE "mqtt: {broker: localhost}\n"), ":3:16:", "as in mqtt://127.0.0.1:1883"},
	{TOP(STATE "mqtt: {broker: \"http://b\"}\n"), ":3:16:", "not a broker's address"},
	{TOP(STATE "mqtt: {broker: \"mqtt://\"}\n"), ":3:16:", "not a broker's address"},
	{TOP(STATE "mqtt: {broker: \"mqtt://b:0\"}\n"), ":3:16:", "not a broker's address"},
	{TOP(STATE "mqtt: {broker: \"mqtt://b:1x\"}\n"), ":3:16:", "not a broker's address"},
	{TOP(STATE "mqtt: {broker: \"mqtt://[::1\"}\n"), ":3:16:", "not a broker's address"},
	{TOP(STATE "mqtt: {broker: \"mqtt://b/x\"}\n"), ":3:16:", "not a broker's address"},
	{TOP(STATE "mqtt: {broker: \"mqtt://u:p@b\"}\n"), ":3:16:", "'username: NAME'"},
	{TOP(STATE "mqtt: {broker: mqtt://b, client: a b}\n"), ":3:34:", "'a b' is not made of"},
	{TOP(STATE "mqtt: {broker: mqtt://b, password: x}\n"), ":3:36:", "needs a 'username'"},
	{TOP(STATE "mqtt: {broker: mqtt://b, tls: {authorities: x}}\n"), ":3:", "write mqtts://"},
	{TOP(STATE "mqtt: {broker: mqtts://b, tls: {key: x}}\n"),
		":3:", "'certificate' is missing"},
	{TOP(STATE "mqtt: {broker: mqtt://b, keepalive: 1s}\n"), ":3:37:", "out of bounds"},
	{TOP(STATE "mqtt: {broker: mqtt://b, window: 0}\n"), ":3:34:", "out of bounds"},
	{TOP(STATE "mqtt: {broker: mqtt://b, version: 4}\n"), ":3:35:", "did you mean '5'?"},
	{TOP(STATE "mqtt: {broker: mqtt://b, replies: [a+]}\n"), ":3:36:", "MQTT allows none"},
	{TOP(STATE "mqtt: {broker: mqtt://b, status: a/+}\n"), ":3:34:", "no topic to publish on"},
	{TOP(STATE "mqtt: {broker: mqtt://b, status: $SYS/a}\n"), ":3:34:", "no topic to publish"},
	{TOP(STATE "mqtt: {broker: mqtt://b, brokr: x}\n"), ":3:26:", "did you mean 'broker'?"},
	{ONE "    mqtt: [{topic: a}]\n", ":4:11:", "the file names no broker"},
	{TOP(STATE "mqtt: {broker: mqtt://b, bytes: 1KiB}\n"), ":3:33:", "out of bounds"},
	{TOP(STATE "mqtt: {broker: mqtt://b, age: 5}\n"), ":3:31:", "'5' is not a time"},
	{TOP(QUEUE("postgresql://b", "a", "http://c")), ":2:", "add 'state: DIRECTORY'"},
	{TOP(STATE QUEUE("mysql://b", "a", "http://c")), ":3:", "must begin with postgresql://"},
	{TOP(STATE QUEUE("postgres://b", "A", "http://c")), ":3:", "'A' is not 1 to 40 small"},
	{TOP(STATE QUEUE("postgres://b", "a", "ftp://c")), ":3:", "neither with http://"},
	{TOP(STATE QUEUE("postgres://b", "a", "http://c/x")), ":3:", "there is more behind"},
	{TOP(STATE "queue: {name: a, url: \"http://c\"}\n"), ":3:", "'database' is missing"},
	{TOP("upstream: {to: mqtt://b}\n"), ":2:", "add 'state: DIRECTORY'"},
	{TOP(STATE "upstream: {}\n"), ":3:", "'to' is missing"},
	{TOP(STATE "upstream: {ot: mqtt://b}\n"), ":3:12:", "did you mean 'to'?"},
	{TOP(STATE "upstream: {to: center}\n"),
		":3:16:", "upstream: to: 'center' is not an address, as in mqtts://center"},
	{TOP(STATE "upstream: {to: \"ftp://b\"}\n"), ":3:16:", "is not an address"},
	{TOP(STATE "upstream: {to: \"ftp://u:SECRET@b?key=SECRET\"}\n"),
		":3:16:", "'ftp://...@b?...' is not an address"},
	{TOP(STATE "upstream: {to: \"mqtt://b/x\"}\n"), ":3:16:", "is not an address"},
	{TOP(STATE "upstream: {to: \"https://\"}\n"), ":3:16:", "is not an address"},
	{TOP(STATE "upstream: {to: \"https:///x\"}\n"), ":3:16:", "is not an address"},
	{TOP(STATE "upstream: {to: \"https://b/x y\"}\n"), ":3:16:", "is not an address"},
	{TOP(STATE "upstream: {to: \"https://b/#x\"}\n"), ":3:16:", "is not an address"},
	{TOP(STATE "upstream: {to: \"https://b:99999\"}\n"), ":3:16:", "is not an address"},
	{TOP(STATE "upstream: {to: \"https://u:p@b/x\"}\n"), ":3:16:", "'username: NAME'"},
	{TOP(STATE "upstream: {to: \"mqtts://u@b\"}\n"), ":3:16:", "'username: NAME'"},
	{TOP(STATE "upstream: {to: http://b, topic: a/}\n"), ":3:33:", "'topic' says nothing"},
	{TOP(STATE "upstream: {to: http://b, version: 5}\n"), ":3:35:", "'version' says nothing"},
	{TOP(STATE "upstream: {to: http://b, tls: {authorities: x}}\n"),
		":3:", "'to' is http://: write https://"},
	{TOP(STATE "upstream: {to: mqtt://b, tls: {authorities: x}}\n"), ":3:", "write mqtts://"},
	{TOP(STATE "upstream: {to: mqtts://b, tls: {certificate: x}}\n"),
		":3:", "upstream: tls: 'certificate' and 'key' go together, 'key' is missing"},
	{TOP(STATE "upstream: {to: mqtt://b, client: a/b}\n"), ":3:34:", "upstream: client: 'a/b'"},
	{TOP(STATE "upstream: {to: mqtt://b, password: x}\n"), ":3:36:", "needs a 'username'"},
	{TOP(STATE "upstream: {to: mqtt://b, topic: a/+/}\n"), ":3:33:", "can't stand before"},
	{TOP(STATE "upstream: {to: mqtt://b, topic: $SYS/}\n"), ":3:33:", "can't stand before"},
	{TOP(STATE "upstream: {to: mqtt://b, bytes: 1}\n"), ":3:33:", "out of bounds"},
	{TOP(STATE "upstream: {to: mqtt://b, age: 0s}\n"), ":3:31:", "out of bounds"},
	{TOP(STATE "upstream: {to: mqtt://b, window: 3}\n"), ":3:26:", "unknown key 'window'"},
	{TOP("market: {key: center.key}\n"), ":2:", "market: what is charged is kept in a ledger"},
	{TOP(STATE "market: {ledger: x}\n"), ":3:", "'key' is missing"},
	{TOP(STATE "market: {key: x, ledgr: y}\n"), ":3:18:", "did you mean 'ledger'?"},
	{BROKER "    mqtt: [{qos: 1}]\n", ":6:", "'topic' is missing"},
	{BROKER "    mqtt: [{topic: a/#/b}]\n", ":6:20:", "'a/#/b' has '+' or '#' in a place"},
	{BROKER "    mqtt: [{topic: \"a\\x01\"}]\n", ":6:20:", "control character"},
	{BROKER "    mqtt: [{topic: a, qos: 2}]\n", ":6:28:", "say 1"},
	{BROKER "    mqtt: [{topic: a, share: b/c}]\n", ":6:30:", "no name for a shared"},
	{BROKER "    mqtt: [{topic: $share/b/a}]\n", ":6:20:", "'share: NAME'"},
	{BROKER "    mqtt: [{topic: a/+, share: b}, {topic: +/a, share: c}]\n",
		":6:36:", "might come twice"},
};

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct config c;

		if (open_text(&c, wrong[i].text, NULL) != -EINVAL)
			fail_msg("passed: %s", wrong[i].text);
		if (strncmp(error, file, strlen(file)) != 0 || !strstr(error, wrong[i].place) ||
			!strstr(error, wrong[i].words) || strchr(error, '\n'))
			fail_msg("%s gives %s", wrong[i].text, error);
	}
}

/* Cut at every byte: an error or a file, never a crash. */
static void test_cut(void **state)
{
	static const char text[] =
		"mayfly: 1\nservices:\n  - image: x.mfy\n    data: {a: b, c: d}\n"
		"    udp: [127.0.0.1:53]\n    limits: {idle: 3s}\n"
		"    http: [{listen: 127.0.0.1:80, host: a, path: /b}]\n"
		"    mqtt: [{topic: a, share: b}]\n"
		"http:\n  - {listen: 127.0.0.1:80, tls: {certificate: c, key: k}}\n"
		"state: s\nmqtt: {broker: mqtts://b, tls: {authorities: a}, replies: [c]}\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char cut[sizeof(text)];
		struct config c;

		snprintf(cut, sizeof(cut), "%.*s", (int)n, text);
		if (open_text(&c, cut, NULL) == 0)
			config_close(&c);
		else
			assert_true(error[0] != '\0');
	}
}

static void test_as(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(open_text(&c, ONE "    limits: {idle: 5}\n", "mayfly: up"), -EINVAL);
	assert_true(strncmp(error, "limits.idle: '5' is not a time", 30) == 0);
	assert_int_equal(open_text(&c, "mayfly: 1\nservices:\n  - image: /x/y.mfy\n", "up"), 0);
	assert_string_equal(c.services[0].place, "/x/y.mfy");
	assert_false(c.services[0].from_yaml);
	config_close(&c);
}

static void test_mqtt(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(open_text(&c,
				 "mayfly: 1\nstate: var\n"
				 "mqtt:\n  broker: mqtts://[fe80::1]:99\n  client: hub-7\n"
				 "  username: me\n  password: pw\n"
				 "  tls: {authorities: ca, certificate: c, key: k}\n"
				 "  keepalive: 90s\n  session: 2h\n  window: 9\n  version: 3.1.1\n"
				 "  replies: [a/#]\n  status: mayfly/status\n"
				 "services:\n  - image: x.mfy\n    mqtt:\n"
				 "      - {topic: a/+, share: g}\n      - {topic: b, qos: 0}\n"
				 "  - image: y.mfy\n    mqtt: []\n  - image: z.mfy\n",
				 NULL),
		0);
	assert_true(c.mqtt.given && c.mqtt.tls && c.mqtt.replies_given);
	assert_string_equal(c.mqtt.host, "fe80::1");
	assert_int_equal(c.mqtt.port, 99);
	assert_string_equal(c.mqtt.client, "hub-7");
	assert_path(c.mqtt.password, "pw");
	assert_path(c.mqtt.authorities, "ca");
	assert_path(c.mqtt.key, "k");
	assert_int_equal(c.mqtt.keepalive_ns, 90000000000u);
	assert_int_equal(c.mqtt.session_ns, 7200000000000u);
	assert_int_equal(c.mqtt.window, 9);
	assert_int_equal(c.mqtt.version, CONFIG_MQTT_311);
	assert_string_equal(c.mqtt.replies[0], "a/#");
	assert_string_equal(c.mqtt.status, "mayfly/status");
	assert_int_equal(c.services[0].mqtt_count, 2);
	assert_string_equal(c.services[0].mqtt[0].share, "g");
	assert_int_equal(c.services[0].mqtt[0].qos, 1);
	assert_int_equal(c.services[0].mqtt[1].qos, 0);
	assert_true(c.services[1].mqtt_given && c.services[1].mqtt_count == 0);
	assert_false(c.services[2].mqtt_given);
	config_close(&c);
	assert_int_equal(open_text(&c, BROKER, NULL), 0);
	assert_int_equal(c.mqtt.port, 1883);
	assert_int_equal(c.mqtt.window, 64);
	assert_int_equal(c.mqtt.version, CONFIG_MQTT_ANY);
	config_close(&c);
}

static void test_upstream(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(open_text(&c,
				 TOP(STATE "upstream:\n  to: mqtts://center.example\n"
					   "  client: kitchen\n  username: me\n  password: pw\n"
					   "  tls: {authorities: ca}\n  topic: hubs/kitchen/\n"
					   "  keepalive: 30s\n  version: 5\n  bytes: 1MiB\n"
					   "  age: 48h\n"),
				 NULL),
		0);
	assert_int_equal(c.upstream.way, CONFIG_UPSTREAM_MQTT);
	assert_string_equal(c.upstream.at.host, "center.example");
	assert_int_equal(c.upstream.at.port, 8883);
	assert_true(c.upstream.at.tls);
	assert_string_equal(c.upstream.at.client, "kitchen");
	assert_path(c.upstream.at.password, "pw");
	assert_path(c.upstream.at.authorities, "ca");
	assert_string_equal(c.upstream.topic, "hubs/kitchen/");
	assert_int_equal(c.upstream.at.version, CONFIG_MQTT_5);
	assert_int_equal(c.upstream.at.bytes, 1 << 20);
	assert_int_equal(c.upstream.at.age_ns, 48 * 3600 * 1000000000ull);
	config_close(&c);
	assert_int_equal(open_text(&c,
				 TOP(STATE "upstream:\n  to: http://[::1]:8080/in?hub=7\n"
					   "mqtt: {broker: mqtt://b}\n"),
				 NULL),
		0);
	assert_int_equal(c.upstream.way, CONFIG_UPSTREAM_WEB);
	assert_string_equal(c.upstream.to, "http://[::1]:8080/in?hub=7");
	assert_string_equal(c.upstream.at.host, "::1");
	assert_int_equal(c.upstream.at.port, 8080);
	assert_false(c.upstream.at.tls);
	assert_null(c.upstream.topic);
	assert_int_equal(c.upstream.at.bytes, 64 << 20);
	assert_int_equal(c.upstream.at.age_ns, 720 * 3600 * 1000000000ull);
	assert_int_equal(c.mqtt.bytes, 64 << 20);
	assert_int_equal(c.mqtt.age_ns, 24 * 3600 * 1000000000ull);
	config_close(&c);
	assert_int_equal(
		open_text(&c, TOP(STATE "upstream: {to: mqtt://b, topic: \"\"}\n"), NULL), 0);
	assert_string_equal(c.upstream.topic, "");
	config_close(&c);
}

static void test_queue(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(
		open_text(&c,
			"mayfly: 1\nstate: var\nqueue: {database: postgresql://h/d, name: hub-3,"
			" url: \"https://10.0.0.3:8443\", token: token, authorities: ca.pem}\n"
			"services: [{image: a.mfy}]\n",
			NULL),
		0);
	assert_string_equal(c.queue.database, "postgresql://h/d");
	assert_string_equal(c.queue.name, "hub-3");
	assert_string_equal(c.queue.url, "https://10.0.0.3:8443");
	assert_path(c.queue.token, "token");
	assert_path(c.queue.authorities, "ca.pem");
	config_close(&c);
}

static void test_market(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(open_text(&c, TOP(STATE), NULL), 0);
	assert_false(c.market.given);
	config_close(&c);
	assert_int_equal(open_text(&c, TOP(STATE "market: {key: a/center.key}\n"), NULL), 0);
	assert_true(c.market.given);
	assert_false(c.market.apart);
	assert_string_equal(c.market.ledger, c.state);
	assert_path(c.market.key, "a/center.key");
	for (unsigned i = 0; i < c.paths_count; i++) /* only the signer reads it */
		assert_null(strstr(c.paths[i], "center.key"));
	config_close(&c);
	assert_int_equal(
		open_text(&c, TOP("market: {key: /k, ledger: postgresql://a@b/c}\n"), NULL), 0);
	assert_string_equal(c.market.ledger, "postgresql://a@b/c");
	assert_false(c.market.apart);
	assert_string_equal(c.market.key, "/k");
	config_close(&c);
	assert_int_equal(open_text(&c, TOP("market: {key: k, ledger: books}\n"), NULL), 0);
	assert_path(c.market.ledger, "books");
	assert_true(c.market.apart);
	config_close(&c);
}

static void test_no_file(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(config_open(&c, "/proc/nonexistent/hub.yaml", NULL, error), -ENOENT);
	assert_non_null(strstr(error, "\"/proc/nonexistent/hub.yaml\""));
	assert_int_equal(config_open(&c, "/", NULL, error), -EISDIR);
}

/* ---------------------------------------------------------- the manual page */

static bool documented(const char *page, const char *key)
{
	char plain[128], needed[128];

	snprintf(plain, sizeof(plain), "\n.B %s\n", key);
	snprintf(needed, sizeof(needed), "\n.BR %s \" (needed)\"\n", key);
	return strstr(page, plain) || strstr(page, needed);
}

static void check_fields(const char *page, const cyaml_schema_field_t *field, const char *prefix)
{
	for (; field->key; field++) {
		const cyaml_schema_value_t *value = &field->value;
		char key[96], below[100];

		snprintf(key, sizeof(key), "%s%s", prefix, field->key);
		snprintf(below, sizeof(below), "%s.", key);
		if (value->type == CYAML_SEQUENCE)
			value = value->sequence.entry;
		if (value->type == CYAML_MAPPING)
			check_fields(page, value->mapping.fields, below);
		if ((field->value.type != CYAML_MAPPING) && !documented(page, key))
			fail_msg("man/hub.yaml.5 says nothing of '%s'", key);
	}
}

static void test_manual(void **state)
{
	FILE *f = fopen("man/hub.yaml.5", "r");
	static char page[65536];
	size_t n;

	(void)state;
	if (!f)
		skip(); /* run this at the root of the sources */
	n = fread(page, 1, sizeof(page) - 1, f);
	fclose(f);
	page[n] = '\0';
	check_fields(page, config_schema.mapping.fields, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_as),
		cmocka_unit_test(test_mqtt),
		cmocka_unit_test(test_upstream),
		cmocka_unit_test(test_market),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
