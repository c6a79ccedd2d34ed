/* hub/pages_trigger.c - see pages_trigger.h */
#include "hub/pages_trigger.h"

#include <string.h>

#include "hub/http/router.h"
#include "hub/hub.h"
#include "hub/in_coap.h"
#include "hub/in_http.h"
#include "hub/in_mqtt.h"
#include "hub/in_timer.h"
#include "image/topic.h"

static json_t *route(const struct input *in, const struct router *router, const struct service *s,
	struct mf_str path)
{
	const struct route *r, *found = NULL;

	/* the same wildcards as a topic's */
	for (size_t i = 0; (r = router_at(router, i)) && !found; i++)
		if (r->service == s && topic_matches(r->path, path))
			found = r;
	if (!found)
		return NULL;
	return json_sprintf("%s %s %s%s%s", in->ops->name, in->text,
		found->method ? found->method : "", found->method ? " " : "", found->path);
}

static json_t *of_input(const struct input *in, const struct service *s, enum mf_source source,
	struct mf_str subject)
{
	const char *filter;
	bool coap = strncmp(in->ops->name, "coap", 4) == 0;

	if (in_mqtt_is(in)) {
		filter = source == MF_SOURCE_MQTT && in->service == s ? in_mqtt_filter(in, subject)
								      : NULL;
		return filter ? json_sprintf("mqtt %s", filter) : NULL;
	}
	if (in->service == s &&
		((source == MF_SOURCE_UDP && strcmp(in->ops->name, "udp") == 0) ||
			(source == MF_SOURCE_TCP && strcmp(in->ops->name, "tcp") == 0)))
		return mf_str_is(subject, in->text) ? json_sprintf("%s %s", in->ops->name, in->text)
						    : NULL;
	if (in->service || in->own || in->apart)
		return NULL;
	if (source == MF_SOURCE_COAP && coap)
		return route(in, in_coap_router(in), s, subject);
	if (source == MF_SOURCE_HTTP && !coap)
		return route(in, in_http_router(in), s, subject);
	return NULL;
}

static json_t *timer(const struct hub *hub, const struct service *s, struct mf_str name)
{
	static const struct mf_str front = MF_STR("timer ");
	char text[256];

	for (unsigned i = 0; timers_text(hub, s, i, text, sizeof(text)) > 0; i++)
		if (strlen(text) > front.n + name.n && text[front.n + name.n] == ' ' &&
			memcmp(text + front.n, name.p, name.n) == 0)
			return json_string(text);
	return json_null();
}

json_t *pages_trigger(const struct hub *hub, const struct service *service, enum mf_source source,
	struct mf_str subject)
{
	json_t *text = NULL;

	if (source == MF_SOURCE_CALL)
		return json_string("call");
	if (source == MF_SOURCE_SCHEDULE)
		return json_string("its own schedule");
	if (source == MF_SOURCE_TIMER)
		return timer(hub, service, subject);
	for (const struct input *in = hub->inputs; in && !text; in = in->next)
		text = of_input(in, service, source, subject);
	return text ? text : json_null();
}
