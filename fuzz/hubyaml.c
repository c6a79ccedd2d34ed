/*
 * fuzz/hubyaml.c - a hub.yaml, as an operator writes it: it is refused with one line that names a
 * place, or all that it says is within its bounds.
 */
/* libfuzzer: -max_len=8192 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/lib/fuzz.h"
#include "hub/config.h"
#include "sys/clock.h"

static void check_service(const struct config *config, const struct config_service *s)
{
	MUST(s->image != NULL && s->place[0] != '\0');
	MUST(s->backend <= MFW_BACKEND_PROCESS && s->birth <= MFW_FRESH);
	MUST(s->core >= CORE_AUTO);
	MUST(s->deadline_ns <= 3600 * CLOCK_S && s->cpu_ns <= 3600 * CLOCK_S);
	for (unsigned i = 0; i < s->udp_count; i++)
		MUST(s->udp[i].size > 0);
	for (unsigned i = 0; i < s->tcp_count; i++)
		MUST(s->tcp[i].size > 0);
	for (unsigned i = 0; i < s->http_count; i++)
		MUST(!s->http[i].listen_given || config->http_count > 0);
}

static void check_upstream(const struct config *config)
{
	const struct config_upstream *u = &config->upstream;

	if (u->way == CONFIG_UPSTREAM_NONE)
		return;
	MUST(u->to && u->at.host && u->at.host[0] && u->at.port > 0 && config->state);
	MUST(u->at.bytes >= 65536 && u->at.age_ns >= CLOCK_S);
	MUST(!u->at.password || u->at.username);
	MUST(!u->topic || strlen(u->topic) <= 256);
	MUST(u->way == CONFIG_UPSTREAM_MQTT || !u->topic);
}

static void check(const struct config *config)
{
	check_upstream(config);
	MUST(config->connections >= 1 && config->memory >= 1 << 20);
	MUST(config->limits.header >= 1024 && config->limits.request_ns >= 10 * CLOCK_MS);
	MUST(config->services_count >= 1);
	for (unsigned i = 0; i < config->http_count; i++)
		MUST(config->http[i].address.size > 0);
	for (unsigned i = 0; i < config->services_count; i++)
		check_service(config, &config->services[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	int fd = memfd_create("fuzz-hub.yaml", MFD_CLOEXEC);
	char path[64], error[CONFIG_ERROR_MAX] = "";
	struct config config;

	MUST(fd >= 0 && write(fd, input, n) == (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (config_open(&config, path, NULL, error) == 0) {
		check(&config);
		config_close(&config);
	} else {
		MUST(error[0] != '\0' && strlen(error) < sizeof(error));
	}
	/* as `mayfly up` would have written it */
	if (config_open(&config, path, "up", error) == 0)
		config_close(&config);
	close(fd);
	return 0;
}
