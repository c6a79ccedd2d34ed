/* hub/mqtt/letter.c - see letter.h */
#include "hub/mqtt/letter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/task.h"
#include "store/store.h"

#define LIB mqtt_library

static struct mf_str text_of(const char *text)
{
	return mf_str_of(text, text ? strlen(text) : 0);
}

static bool begins_with(const char *name, const char *lower)
{
	for (; *lower; name++, lower++)
		if (mf_lower((uint8_t)*name) != (uint8_t)*lower)
			return false;
	return true;
}

/* ------------------------------------------------------------ user properties */

/* Each (name, value), the library's copies; `each` says if there should be more. */
typedef bool letter_pair(void *context, const char *name, const char *value);

static bool each_pair(const mosquitto_property *list, letter_pair *each, void *context)
{
	bool skip = false, good = true;
	char *name, *value;

	while (good && list) {
		name = value = NULL;
		list = LIB.mosquitto_property_read_string_pair(
			list, MQTT_PROP_USER_PROPERTY, &name, &value, skip);
		if (list)
			good = each(context, name ? name : "", value ? value : "");
		free(name);
		free(value);
		skip = true;
	}
	return good;
}

static bool write_pair(void *context, const char *name, const char *value)
{
	if (begins_with(name, LETTER_OWN))
		return true;
	return event_attribute(context, text_of(name), text_of(value));
}

static bool take_id(void *context, const char *name, const char *value)
{
	struct letter *l = context;

	if (strcmp(name, "id") != 0 || !value[0] || l->id)
		return true;
	l->id = strdup(value);
	return l->id != NULL;
}

/* --------------------------------------------------------------------- letters */

struct letter *letter_make(
	const struct mosquitto_message *message, bool again, const mosquitto_property *properties)
{
	struct letter *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->qos = (unsigned)message->qos;
	l->mid = (uint16_t)message->mid;
	l->again = again;
	if (!properties)
		return l;
	(void)LIB.mosquitto_property_read_string(
		properties, MQTT_PROP_RESPONSE_TOPIC, &l->response, false);
	(void)LIB.mosquitto_property_read_binary(
		properties, MQTT_PROP_CORRELATION_DATA, &l->correlation, &l->correlation_n, false);
	if (each_pair(properties, take_id, l))
		return l;
	letter_free(l);
	return NULL;
}

void letter_free(struct letter *letter)
{
	if (!letter)
		return;
	letter_forget(letter);
	free(letter->response);
	free(letter->correlation);
	free(letter->id);
	free(letter);
}

/* ----------------------------------------------------------------- the event */

bool letter_write(struct event_writer *writer, const struct mosquitto_message *message,
	const mosquitto_property *properties)
{
	char *type = NULL, *response = NULL;
	bool fits = true;

	if (properties) {
		(void)LIB.mosquitto_property_read_string(
			properties, MQTT_PROP_CONTENT_TYPE, &type, false);
		(void)LIB.mosquitto_property_read_string(
			properties, MQTT_PROP_RESPONSE_TOPIC, &response, false);
		fits = event_span(writer, &writer->event->content_type, text_of(type)) &&
			(!response ||
				event_attribute(
					writer, MF_STR(LETTER_RESPONSE), text_of(response))) &&
			each_pair(properties, write_pair, writer);
	}
	free(type);
	free(response);
	writer->event->flags |= message->retain ? MF_EVENT_RETAINED : 0;
	return fits &&
		event_span(writer, &writer->event->payload,
			mf_str_of(message->payload, (size_t)message->payloadlen));
}

int letter_keep(struct letter *letter, const struct mosquitto_message *message,
	const mosquitto_property *properties, size_t size)
{
	struct event_writer w;
	uint8_t *less;

	letter->bytes = malloc(size);
	if (!letter->bytes)
		return -ENOMEM;
	if (!event_begin_apart(&w, &letter->head, letter->bytes, size, MF_SOURCE_MQTT) ||
		!event_span(&w, &letter->head.subject, text_of(message->topic)) ||
		!letter_write(&w, message, properties)) {
		letter_forget(letter);
		return -E2BIG;
	}
	less = realloc(letter->bytes, letter->head.bytes);
	if (less)
		letter->bytes = less;
	return 0;
}

int letter_keep_task(struct letter *letter, const struct task *task)
{
	letter->bytes = malloc(task->head.bytes);
	if (!letter->bytes)
		return -ENOMEM;
	letter->head = task->head;
	memcpy(letter->bytes, task->writer.base, task->head.bytes);
	return 0;
}

static struct mf_str span_of(const struct letter *letter, struct mf_span span)
{
	return mf_str_of(letter->bytes + span.off, span.len);
}

struct mf_str letter_subject(const struct letter *letter)
{
	return span_of(letter, letter->head.subject);
}

bool letter_restore(const struct letter *letter, struct event_writer *writer)
{
	const struct mf_event *head = &letter->head;
	struct mf_event *to = writer->event;

	to->flags |= head->flags & MF_EVENT_RETAINED;
	return event_span(writer, &to->content_type, span_of(letter, head->content_type)) &&
		event_attributes(
			writer, span_of(letter, head->attributes), head->attributes_count) &&
		event_span(writer, &to->payload, span_of(letter, head->payload));
}

void letter_forget(struct letter *letter)
{
	free(letter->bytes);
	letter->bytes = NULL;
}
