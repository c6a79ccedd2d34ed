/* cli/life.c - see life.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/life.h"
#include "cli/out.h"
#include "image/attach.h"
#include "image/cpu.h"
#include "image/note.h"
#include "image/variant.h"
#include "sys/clock.h"
#include "sys/random.h"
#include "wire/event.h"

struct word {
	const char *name;
	int value;
};
static const struct word backends[] = {{"auto", MFW_BACKEND_AUTO}, {"kvm", MFW_BACKEND_KVM},
	{"process", MFW_BACKEND_PROCESS}, {NULL, 0}};
static const struct word births[] = {{"pooled", MFW_POOLED}, {"fresh", MFW_FRESH}, {NULL, 0}};
static const struct word sources[] = {
	{"run", MF_SOURCE_RUN}, {"udp", MF_SOURCE_UDP}, {"tcp", MF_SOURCE_TCP}, {NULL, 0}};

static const char *word_name(const struct word *words, int value)
{
	for (; words->name != NULL; words++)
		if (words->value == value)
			return words->name;
	return "?";
}

const char *life_backend_name(enum mfw_backend backend)
{
	return word_name(backends, (int)backend);
}

const char *life_birth_name(enum mfw_birth_mode birth)
{
	return word_name(births, (int)birth);
}

static bool word_value(const struct word *words, const char *name, int *value)
{
	for (; words->name != NULL; words++) {
		if (strcmp(words->name, name) == 0) {
			*value = words->value;
			return true;
		}
	}
	return false;
}

static int choose(const struct life_options *o, const char *option, const struct word *words,
	const char *value, int *to)
{
	char known[128] = "";

	if (word_value(words, value, to))
		return 0;
	for (const struct word *w = words; w->name != NULL; w++) {
		size_t n = strlen(known);

		snprintf(known + n, sizeof known - n, "%s%s", n == 0 ? "" : ", ", w->name);
	}
	return out_say(
		o->command, STATUS_USAGE, "%s \"%s\": write one of %s", option, value, known);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

	return c == '\0' || at == NULL ? -1 : (int)(at - digits);
}

/* Up to 64 hexadecimal digits; what is left of the seed is zero. */
static int take_seed(struct life_options *o, const char *value)
{
	size_t n = strlen(value);

	memset(o->seed, 0, sizeof o->seed);
	for (size_t i = 0; i < n; i++)
		if (n > 64 || n % 2 != 0 || hex_digit(value[i]) < 0)
			return out_say(o->command, STATUS_USAGE,
				"--seed \"%s\": write up to 32 bytes as hexadecimal digits", value);
	for (size_t i = 0; i < n; i += 2)
		o->seed[i / 2] = (uint8_t)(hex_digit(value[i]) * 16 + hex_digit(value[i + 1]));
	o->seed_given = true;
	return 0;
}

static int take_time(struct life_options *o, const char *value)
{
	char *end;

	errno = 0;
	o->time_ns = strtoll(value, &end, 10);
	if (errno != 0 || *end != '\0' || end == value)
		return out_say(o->command, STATUS_USAGE,
			"--time \"%s\": write nanoseconds since 1970", value);
	o->time_given = true;
	return 0;
}

static int take_request(struct life_options *o, const char *value)
{
	const char *wrong = o->http_line ? "given twice" : http_event_line(&o->http, value);

	if (wrong)
		return out_say(o->command, STATUS_USAGE, "--http \"%.120s\": %s", value, wrong);
	o->http_line = value;
	return 0;
}

static int take_header(struct life_options *o, const char *value)
{
	const char *wrong = http_event_header(&o->http, value);

	return wrong ? out_say(o->command, STATUS_USAGE, "-H \"%.120s\": %s", value, wrong) : 0;
}

static int take_attachment(
	struct life_options *o, const char **list, unsigned *count, const char *value)
{
	if (*count == LIFE_ATTACH_MAX)
		return out_say(o->command, STATUS_USAGE,
			"\"%s\": over %d attachments: attach fewer", value, LIFE_ATTACH_MAX);
	list[(*count)++] = value;
	return 0;
}

bool life_birth(struct life_options *options, const char *word)
{
	int v;

	if (!word_value(births, word, &v))
		return false;
	options->birth = (enum mfw_birth_mode)v;
	options->birth_given = true;
	return true;
}

static int take_state(struct life_options *o, const char *value)
{
	const char *equals = strchr(value, '=');

	if (!equals || equals == value)
		return out_say(o->command, STATUS_USAGE,
			"--state \"%.120s\": write it as KEY=VALUE", value);
	return take_attachment(o, o->state, &o->state_count, value);
}

int life_option(struct life_options *o, int code, const char *value)
{
	int v = 0, status = 0;

	switch (code) {
	case LIFE_OPT_EVENT: o->event_path = value; return 0;
	case LIFE_OPT_DATA: return take_attachment(o, o->data, &o->data_count, value);
	case LIFE_OPT_CONFIG: return take_attachment(o, o->config, &o->config_count, value);
	case LIFE_OPT_STATE: return take_state(o, value);
	case LIFE_OPT_SEED: return take_seed(o, value);
	case LIFE_OPT_TIME: return take_time(o, value);
	case LIFE_OPT_HTTP: return take_request(o, value);
	case 'H': return take_header(o, value);
	case LIFE_OPT_BACKEND:
		status = choose(o, "--backend", backends, value, &v);
		o->backend = (enum mfw_backend)v;
		return status;
	case LIFE_OPT_SOURCE:
		status = choose(o, "--source", sources, value, &v);
		o->source = (enum mf_source)v;
		return status;
	case LIFE_OPT_EXACT: o->exact = true; return 0;
	case 'o': return out_format(o->command, value, &o->json) ? 0 : STATUS_USAGE;
	default: return STATUS_USAGE; /* getopt_long has said it */
	}
}

int life_operand(struct life_options *o, int argc, char **argv)
{
	if (optind == argc)
		return out_say(
			o->command, STATUS_USAGE, "no image: mayfly %s IMAGE ...", o->command);
	if (optind + 1 < argc)
		return out_say(
			o->command, STATUS_USAGE, "\"%s\": one image only", argv[optind + 1]);
	o->image_path = argv[optind];
	if (o->http_line && o->source != MF_SOURCE_RUN)
		return out_say(o->command, STATUS_USAGE,
			"--http \"%s\" and --source: give one of them", o->http_line);
	if (!o->http_line && (o->http.headers > 0 || o->http.content_type.p))
		return out_say(o->command, STATUS_USAGE, "-H: only with --http 'GET /path'");
	if (o->http_line)
		o->source = MF_SOURCE_HTTP;
	return 0;
}

static int status_of(int rc)
{
	return rc == -ENOENT ? STATUS_NOT_FOUND : rc == -EACCES ? STATUS_DENIED : STATUS_USAGE;
}

/* One image a command. */
static void choose_variant(struct life_setup *s, struct life_options *o)
{
	static struct variant variant;
	int fd = variant_choose(o->image_path, cpu_here(), o->digest, &s->image, &variant);

	if (variant.left[0] != '\0')
		out_say(o->command, 0, "no variant of \"%s\": %s", o->image_path, variant.left);
	if (fd >= 0)
		close(fd);
	o->image_path = variant.path;
}

static int load_image(struct life_setup *s, struct life_options *o)
{
	char error[IMAGE_ERROR_MAX] = "", why[MANIFEST_ERROR_MAX] = "", lacks[CPU_WHY_MAX];
	struct stat st;
	int fd = open(o->image_path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return out_say(o->command, status_of(-errno), "\"%s\": %s: give it a NAME.mfy",
			o->image_path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return out_say(o->command, STATUS_USAGE,
			"\"%s\": it is a directory: build it first: "
			"mayfly build %s",
			o->image_path, o->image_path);
	}
	rc = image_open(&s->image, fd, error);
	close(fd);
	if (rc < 0) {
		s->image = (struct image){0};
		return out_say(o->command, STATUS_USAGE, "\"%s\": %s", o->image_path,
			error[0] != '\0' ? error : strerror(-rc));
	}
	if (!o->exact)
		choose_variant(s, o);
	if (!cpu_runs(s->image.note.processor, cpu_here(), lacks))
		return out_say(o->command, STATUS_USAGE, "\"%s\": %s", o->image_path, lacks);
	if (note_manifest(&s->manifest, &s->image, "mayfly.yaml", why) < 0) {
		s->manifest = (struct manifest){0};
		return out_say(
			o->command, STATUS_USAGE, "\"%s\": its manifest: %s", o->image_path, why);
	}
	return 0;
}

static int load_data(struct life_setup *s, const struct life_options *o)
{
	const struct attach_args args = {.data = o->data,
		.data_count = o->data_count,
		.config = o->config,
		.config_count = o->config_count};
	char error[ATTACH_ERROR_MAX];
	int rc = attach_make(&s->manifest, &args, &s->data, &s->data_size, error);

	return rc == 0 ? 0 : out_say(o->command, status_of(rc), "%s", error);
}

/* The members that no span holds. What differs from life to life is fixed where it was given. */
static void fill_event(struct mf_event *event, const struct life_options *o, uint64_t deadline_ns)
{
	event->time_ns = o->time_given ? o->time_ns : clock_wall_ns();
	event->elapsed_ns = o->time_given ? 0 : clock_boot_ns();
	event->deadline_ns = deadline_ns;
	if (o->seed_given)
		memcpy(event->seed, o->seed, sizeof event->seed);
	else
		random_bytes(event->seed, sizeof event->seed);
}

static struct mf_str text(const char *s)
{
	return mf_str_of(s, strlen(s));
}

/* Each with its place in the command as its version. */
static bool write_state(struct event_writer *w, const struct life_options *o)
{
	for (unsigned i = 0; i < o->state_count; i++) {
		const char *equals = strchr(o->state[i], '=');

		if (!event_state(w, mf_str_of(o->state[i], (size_t)(equals - o->state[i])),
			    text(equals + 1), i + 1))
			return false;
	}
	return true;
}

static bool write_event(struct event_writer *w, struct life_setup *s, const struct life_options *o,
	struct mf_str payload)
{
	static const char *const types[] = {[MF_SOURCE_RUN] = "run",
		[MF_SOURCE_UDP] = "udp.datagram",
		[MF_SOURCE_TCP] = "tcp.message",
		[MF_SOURCE_HTTP] = "http.request"};
	size_t room = s->image.note.event_bytes;
	uint64_t number;
	char id[32] = "run-0";

	if (!o->seed_given) {
		random_bytes(&number, sizeof number);
		snprintf(id, sizeof id, "run-%016llx", (unsigned long long)number);
	}
	return event_begin(w, s->event, room, o->source) &&
		event_span(w, &s->event->id, text(id)) &&
		event_span(w, &s->event->type, text(types[o->source])) &&
		(o->source == MF_SOURCE_RUN ||
			event_span(w, &s->event->peer, MF_STR("127.0.0.1:0"))) &&
		(!o->http_line || http_event_write(&o->http, &s->manifest, w)) &&
		(s->image.note.input_bytes > 0 || event_span(w, &s->event->payload, payload)) &&
		write_state(w, o);
}

/* False, having said so: it doesn't fit. The bytes are s's. */
static bool take_input(struct life_setup *s, const struct life_options *o, uint8_t *bytes, size_t n)
{
	const struct mfi_image *note = &s->image.note;

	s->input = mf_str_of(bytes, n);
	if (n <= note->input_bytes)
		return true;
	out_say(o->command, STATUS_USAGE,
		"--event \"%s\": more than fits the input area of %s, %llu bytes: raise "
		"memory.input in its mayfly.yaml",
		o->event_path, note->name, (unsigned long long)note->input_bytes);
	return false;
}

/* As the hub: the event has only the headers that the manifest asks for. */
static void say_what_is_left_out(const struct life_setup *s, const struct life_options *o)
{
	for (unsigned i = 0; i < o->http.headers; i++) {
		struct mf_str name = o->http.header[i].name;

		if (!http_event_passed(&s->manifest, name))
			out_say(o->command, 0,
				"%s doesn't get the header \"%.*s\": no http trigger in its "
				"mayfly.yaml "
				"names it under 'headers'",
				s->image.note.name, (int)name.n, (const char *)name.p);
	}
}

static int load_event(struct life_setup *s, const struct life_options *o)
{
	const struct mfi_image *note = &s->image.note;
	struct event_writer w;
	uint8_t *bytes = NULL;
	size_t n = 0;
	int status = 0;

	say_what_is_left_out(s, o);
	if (o->event_path != NULL) {
		const size_t most = note->input_bytes > 0 ? note->input_bytes + 1 : MFI_FILE_MAX;
		int rc = attach_read(o->event_path, most, &bytes, &n);

		if (rc < 0)
			return out_say(o->command, status_of(rc), "--event \"%s\": %s",
				o->event_path, strerror(-rc));
	}
	if (note->input_bytes > 0 && !take_input(s, o, bytes, n))
		return STATUS_USAGE;
	s->event = calloc(1, note->event_bytes);
	if (s->event == NULL)
		status = out_say(o->command, STATUS_FAILED, "not enough memory for the event");
	else if (!write_event(&w, s, o, mf_str_of(bytes, n)))
		status = out_say(o->command, STATUS_USAGE,
			"--event \"%s\": %zu bytes%s don't fit the event area of %s, %u bytes: "
			"raise memory.event in its mayfly.yaml",
			o->event_path ? o->event_path : "", n,
			o->http_line ? " and the request's head" : "", note->name,
			note->event_bytes);
	else
		fill_event(s->event, o, note->deadline_ns);
	if (status == 0 && s->event) {
		s->event_size = event_end(&w);
		s->event->input_bytes = s->input.n;
		s->payload = note->input_bytes > 0
			? s->input
			: mf_str_of((uint8_t *)s->event + s->event->payload.off,
				  s->event->payload.len);
	}
	if (note->input_bytes == 0)
		free(bytes);
	return status;
}

static int open_kvm(struct life_setup *s, const struct life_options *o)
{
	if (o->backend == MFW_BACKEND_PROCESS)
		return 0;
	s->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (s->kvm_fd >= 0)
		return 0;
	if (o->backend == MFW_BACKEND_KVM)
		return out_say(o->command, status_of(-errno),
			"/dev/kvm: %s: see mayfly doctor, or use "
			"--backend process",
			strerror(errno));
	fprintf(stderr, "mayfly: %s: /dev/kvm: %s: using the process backend\n", o->command,
		strerror(errno));
	return 0;
}

int life_load(struct life_setup *setup, struct life_options *options)
{
	int status;

	*setup = (struct life_setup){.kvm_fd = -1};
	status = load_image(setup, options);
	if (status == 0)
		status = load_data(setup, options);
	if (status == 0)
		status = load_event(setup, options);
	if (status == 0)
		status = open_kvm(setup, options);
	return status;
}

void life_unload(struct life_setup *setup)
{
	if (setup->kvm_fd >= 0)
		close(setup->kvm_fd);
	free(setup->event);
	free((void *)(uintptr_t)setup->input.p);
	free(setup->data);
	manifest_free(&setup->manifest);
	image_close(&setup->image);
}

struct monitor_options life_monitor(const struct life_setup *setup, const struct life_options *o)
{
	enum mfw_birth_mode own = setup->manifest.birth == BIRTH_FRESH ? MFW_FRESH : MFW_POOLED;

	return (struct monitor_options){.backend = o->backend,
		.birth = o->birth_given ? o->birth : own,
		.kvm_fd = setup->kvm_fd};
}
