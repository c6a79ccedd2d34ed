/* hub/mqtt/connect.c - see connect.h */
#include "hub/mqtt/connect.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/fd.h"

/* The C library's resolver takes up to 64 KiB of its caller's stack. */
#define STACK (256u << 10)

struct mqtt_connect {
	struct loop *loop;
	struct loop_source source;
	mqtt_connect_done *done;
	void *context;
	int fd; /* readable: the thread has done its work */
	/* Set by the loop when it leaves, and by the thread when it ends: who comes second frees. */
	atomic_flag one_left;
	/* What the thread wrote is seen by who sees this: a descriptor that is readable tells so much to
	 * the kernel only. */
	atomic_bool finished;
	/* the thread's: */
	struct mosquitto *mosq;
	mosquitto_property *properties;
	char *host;
	int port, keepalive_s;
	char why[MQTT_WHY_MAX];
	char said[MQTT_WHY_MAX]; /* the library's last word about an error */
};

static void destroy(struct mqtt_connect *c)
{
	mqtt_library.mosquitto_property_free_all(&c->properties);
	if (c->mosq)
		mqtt_library.mosquitto_destroy(c->mosq);
	fd_close(&c->fd);
	free(c->host);
	free(c);
}

/* ---------------------------------------------------------------- the thread */

static void on_log(struct mosquitto *mosq, void *context, int level, const char *text)
{
	struct mqtt_connect *c = context;

	(void)mosq;
	if (level == MOSQ_LOG_ERR)
		snprintf(c->said, sizeof(c->said), "%s", text);
}

static void explain(struct mqtt_connect *c, int rc, int err)
{
	const char *why = mqtt_library.mosquitto_strerror(rc);

	if (rc == MOSQ_ERR_EAI)
		why = gai_strerror(err);
	else if (rc == MOSQ_ERR_ERRNO)
		why = strerror(err);
	snprintf(c->why, sizeof(c->why), "%.100s%s%.150s", why, c->said[0] ? ": " : "", c->said);
}

static void *run(void *context)
{
	struct mqtt_connect *c = context;
	int rc;

	mqtt_library.mosquitto_user_data_set(c->mosq, c);
	mqtt_library.mosquitto_log_callback_set(c->mosq, on_log);
	errno = 0;
	rc = mqtt_library.mosquitto_connect_bind_v5(
		c->mosq, c->host, c->port, c->keepalive_s, NULL, c->properties);
	if (rc != MOSQ_ERR_SUCCESS)
		explain(c, rc, errno);
	mqtt_library.mosquitto_log_callback_set(c->mosq, NULL);
	atomic_store_explicit(&c->finished, true, memory_order_release);
	(void)!write(c->fd, &(uint64_t){1}, sizeof(uint64_t));
	if (atomic_flag_test_and_set(&c->one_left))
		destroy(c);
	return NULL;
}

static int start_thread(struct mqtt_connect *c)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err != 0)
		return -err;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK);
	err = pthread_create(&thread, &attr, run, c);
	(void)pthread_attr_destroy(&attr);
	return -err;
}

/* ------------------------------------------------------------------ the loop */

static void on_done(struct loop_source *source, uint32_t events)
{
	struct mqtt_connect *c = LOOP_OWNER(source, struct mqtt_connect, source);
	struct mosquitto *mosq;
	mqtt_connect_done *done = c->done;
	void *context = c->context;
	char why[MQTT_WHY_MAX];

	(void)events;
	if (!atomic_load_explicit(&c->finished, memory_order_acquire))
		return;
	mosq = c->mosq;
	memcpy(why, c->why, sizeof(why));
	c->mosq = NULL; /* the thread has done with it, if not with its last lines */
	loop_remove(c->loop, c->fd, &c->source);
	if (atomic_flag_test_and_set(&c->one_left))
		destroy(c);
	done(context, mosq, why[0] ? why : NULL);
}

int mqtt_connect_start(struct mqtt_connect **connect, struct loop *loop,
	const struct mqtt_connect_ask *ask, mqtt_connect_done *done, void *context)
{
	struct mqtt_connect *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return err;
	*c = (struct mqtt_connect){
		.loop = loop,
		.source.ready = on_done,
		.done = done,
		.context = context,
		.one_left = ATOMIC_FLAG_INIT,
		.port = ask->port,
		.keepalive_s = (int)ask->keepalive_s,
		.host = strdup(ask->host),
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (c->fd < 0)
		err = -errno;
	else if (c->host)
		err = loop_add(loop, c->fd, EPOLLIN, &c->source);
	if (err == 0) {
		c->mosq = ask->mosq;
		c->properties = ask->properties;
		err = start_thread(c);
		if (err < 0) {
			loop_remove(loop, c->fd, &c->source);
			c->mosq = NULL;
			c->properties = NULL;
		}
	}
	if (err < 0)
		destroy(c);
	else
		*connect = c;
	return err;
}

void mqtt_connect_leave(struct mqtt_connect *connect)
{
	loop_remove(connect->loop, connect->fd, &connect->source);
	if (atomic_flag_test_and_set(&connect->one_left))
		destroy(connect);
}
