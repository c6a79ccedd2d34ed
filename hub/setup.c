/* hub/setup.c - one service, from its lines in hub.yaml to what its first event needs. */
#include "hub/setup.h"

#include <errno.h>
#include <sched.h>
#include <sodium/crypto_hash_sha256.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/accelerator.h"
#include "hub/config.h"
#include "hub/cores.h"
#include "hub/database.h"
#include "hub/trust.h"
#include "image/attach.h"
#include "image/cpu.h"
#include "image/image.h"
#include "image/note.h"
#include "image/variant.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"

/* An image that says nothing sensible gets this. */
#define DEADLINE_NS      CLOCK_S
#define DEADLINE_MOST_NS (3600 * CLOCK_S)

int setup_bad(
	const char *place, char error[static HUB_ERROR_MAX], int status, const char *format, ...)
{
	int n = snprintf(error, HUB_ERROR_MAX, "%s: ", place);
	va_list args;

	va_start(args, format);
	vsnprintf(error + n, HUB_ERROR_MAX - (size_t)n, format, args);
	va_end(args);
	return status;
}

int setup_status_of(int err)
{
	switch (err) {
	case -ENOENT: return SETUP_NOT_FOUND;
	case -EACCES: return SETUP_DENIED;
	default: return SETUP_FAILED;
	}
}

struct tls_files setup_tls(const struct config_listener *listener)
{
	return (struct tls_files){.certificate = listener->certificate,
		.key = listener->key,
		.clients = listener->authorities,
		.revoked = listener->revoked,
		.require = listener->require};
}

/* -------------------------------------------------------------------- image */

static int take_image(struct service *s, const struct config_service *config,
	const struct image *image, char error[static HUB_ERROR_MAX])
{
	char why[MANIFEST_ERROR_MAX];

	s->note = image->note;
	memcpy(s->digest, image->digest, sizeof(s->digest));
	memcpy(s->head.image, image->digest, sizeof(s->head.image));
	if (note_manifest(&s->manifest, image, config->image, why) < 0)
		return setup_bad(config->place, error, SETUP_FAILED, "its manifest: %s", why);
	return 0;
}

/* The image's own file, or a variant of it that this processor does better with. */
static int choose_variant(struct service *s, const struct config_service *config,
	struct image *image, struct variant *variant, char error[static HUB_ERROR_MAX])
{
	int fd = variant_choose(config->image, cpu_here(), NULL, image, variant);
	char why[CPU_WHY_MAX];

	if (variant->left[0])
		log_about(LOG_WARN, image->note.name, NULL, "no variant of its image: %s",
			variant->left);
	if (fd >= 0) {
		close(s->image_fd);
		s->image_fd = fd;
	}
	s->image_path = strdup(variant->path);
	if (!config->name)
		s->entry = strdup(config->entry ? config->entry : config->image);
	if (!s->image_path || (!config->name && !s->entry))
		return setup_bad(config->place, error, SETUP_FAILED, "no memory");
	if (!cpu_runs(image->note.processor, cpu_here(), why))
		return setup_bad(config->place, error, SETUP_FAILED, "image: \"%s\": %s",
			variant->path, why);
	return 0;
}

static int load_image(struct service *s, const struct config_service *config,
	const struct trust *trust, char error[static HUB_ERROR_MAX])
{
	struct config_service told = *config; /* what runs stands in what is said */
	char why[IMAGE_ERROR_MAX] = "";
	struct variant variant;
	struct image image;
	int rc;

	s->image_fd = rc = fd_open_file(config->image);
	if (rc < 0)
		return setup_bad(config->place, error,
			rc == -ENOENT ? SETUP_NOT_FOUND : SETUP_FAILED,
			"image: \"%s\": %s: build it with mayfly build", config->image,
			fd_open_error(rc));
	rc = image_open(&image, s->image_fd, why);
	if (rc < 0)
		return setup_bad(config->place, error, SETUP_FAILED, "image: \"%s\": %s",
			config->image, why[0] ? why : strerror(-rc));
	rc = choose_variant(s, config, &image, &variant, error);
	told.image = variant.path;
	if (rc == 0)
		rc = trust_judge(trust, &image, &told, &s->verdict, error);
	if (rc == 0)
		rc = take_image(s, &told, &image, error);
	image_close(&image);
	return rc;
}

/* What workers must come to, or they run something else than was loaded here. */
static void name_snapshot(struct service *s, const uint8_t *data, size_t size)
{
	uint8_t both[64];

	memcpy(both, s->digest, 32);
	crypto_hash_sha256(both + 32, data, size);
	crypto_hash_sha256(s->snapshot, both, sizeof(both));
}

static int attach_status(int rc)
{
	switch (rc) {
	case -ENOENT: return SETUP_NOT_FOUND;
	case -EINVAL: return SETUP_USAGE; /* a name that the manifest doesn't list */
	default: return SETUP_FAILED;
	}
}

static int attach(
	struct service *s, const struct config_service *config, char error[static HUB_ERROR_MAX])
{
	const struct attach_args args = {
		.data = (const char *const *)config->data,
		.data_count = config->data_count,
		.config = (const char *const *)config->config,
		.config_count = config->config_count,
		.files_only = true,
		.from_yaml = config->from_yaml,
	};
	char why[ATTACH_ERROR_MAX];
	uint8_t *bundle = NULL;
	size_t size = 0;
	int rc = attach_make(&s->manifest, &args, &bundle, &size, why);

	if (rc < 0)
		return setup_bad(config->place, error, attach_status(rc), "%s", why);
	if (size > 0)
		s->data_fd = fd_memory_sealed("mayfly-data", bundle, size);
	rc = size > 0 && s->data_fd < 0 ? s->data_fd : 0;
	name_snapshot(s, bundle, size);
	free(bundle);
	if (rc < 0)
		return setup_bad(
			config->place, error, SETUP_FAILED, "attached data: %s", strerror(-rc));
	return 0;
}

/* ------------------------------------------------------------------- limits */

static int choose_backend(
	struct service *s, const struct config_service *config, char error[static HUB_ERROR_MAX])
{
	struct hub *hub = s->hub;

	s->head.backend = config->backend;
	if (config->backend == MFW_BACKEND_KVM && hub->kvm_fd < 0)
		return setup_bad(config->place, error, SETUP_FAILED,
			"backend: 'kvm', but /dev/kvm can't be opened: %s: mayfly doctor says more",
			strerror(hub->kvm_error));
	if (config->backend != MFW_BACKEND_AUTO)
		return 0;
	s->head.backend = hub->kvm_fd >= 0 ? MFW_BACKEND_KVM : MFW_BACKEND_PROCESS;
	return 0;
}

/* That the hub may run on, when it is first asked: later it may have chosen one of them for itself (hub/near.h). */
static unsigned processors(void)
{
	static unsigned n;
	cpu_set_t set;

	if (n == 0)
		n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	return n;
}

/* Who plans jobs has work for all processors. */
static unsigned threads_by_default(const struct manifest *m)
{
	for (unsigned i = 0; i < m->triggers_count; i++)
		if (m->triggers[i].type == TRIGGER_JOB)
			return processors();
	return 1;
}

static void choose_limits(struct service *s, const struct config_service *config)
{
	const struct manifest *m = &s->manifest;
	enum mfw_birth_mode birth = m->birth == BIRTH_FRESH ? MFW_FRESH : MFW_POOLED;

	s->queue_most = config->queue ? config->queue : m->limits.queue;
	s->idle_ns = config->idle_ns;
	s->circuit.most = config->failures;
	s->core = config->core;
	s->durability = config->durability_given ? config->durability : s->manifest.durability;
	s->deadline_ns = config->deadline_ns ? config->deadline_ns : s->note.deadline_ns;
	if (s->deadline_ns == 0 || s->deadline_ns > DEADLINE_MOST_NS)
		s->deadline_ns = DEADLINE_NS;
	s->head.birth = config->birth_given ? config->birth : birth;
	s->head.threads = config->threads ? config->threads : m->limits.parallel;
	if (s->head.threads == 0)
		s->head.threads = threads_by_default(m);
	if (s->head.threads > 64)
		s->head.threads = 64;
	s->head.event_area = s->note.event_bytes;
	s->head.effects_area = config->cores ? cores_area(&s->note) : s->note.effects_bytes;
	s->head.flags |= config->cores ? MFW_CORES : 0;
	s->head.cpu_ns = config->cpu_ns;
	s->head.deadline_ns = config->deadline_ns;
	s->head.idle_ns = m->idle_ns;
	areas_head(&s->head, s->note.input_bytes, s->note.output_bytes);
}

/* A life that can only reply does nothing that another could come before or after. */
static bool only_replies(const struct service *s)
{
	uint32_t harmless =
		MFI_GRANT(MF_EFFECT_REPLY) | MFI_GRANT(MF_EFFECT_LOG) | MFI_GRANT(MF_EFFECT_METER);

	return (s->note.grants & ~harmless) == 0 && s->manifest.reads_count == 0;
}

/* Special hardware is no other service: what a life asks of it nobody else sees. */
static bool only_computes(const struct service *s)
{
	uint32_t harmless = MFI_GRANT(MF_EFFECT_REPLY) | MFI_GRANT(MF_EFFECT_LOG) |
		MFI_GRANT(MF_EFFECT_METER) | MFI_GRANT(MF_EFFECT_CALL);

	return (s->note.grants & ~harmless) == 0 && s->manifest.reads_count == 0 &&
		s->manifest.calls_count == 1 && accelerator_granted(s);
}

/* Its worker reads its UDP socket: then the worker alone judges what lives ask for, so there must
 * be nothing to judge; and a worker has room for one socket. */
static int choose_socket(
	struct service *s, const struct config_service *config, char error[static HUB_ERROR_MAX])
{
	if (config->socket != CONFIG_SOCKET_WORKER)
		return 0;
	if (config->udp_count != 1)
		return setup_bad(config->place, error, SETUP_USAGE,
			"socket: 'worker' needs exactly one address under udp, %u are there",
			config->udp_count);
	if (s->note.input_bytes > 0 || s->note.output_bytes > 0)
		return setup_bad(config->place, error, SETUP_USAGE,
			"socket: 'worker' is not for services with memory.input or memory.output: "
			"the mayfly.yaml of %s has one",
			s->name);
	if (!only_replies(s))
		return setup_bad(config->place, error, SETUP_USAGE,
			"socket: 'worker' is for services that can only reply; %s may do more: its "
			"mayfly.yaml has reads, writes, emits, calls or upstream",
			s->name);
	s->lend = calloc(1, sizeof(*s->lend));
	if (!s->lend)
		return setup_bad(config->place, error, SETUP_FAILED, "no memory");
	s->head.flags |= MFW_OWN_SOCKET;
	return 0;
}

/* Which events wait for each other. A single thread takes all as they come anyway, but what is attached to an
 * event that is posted ahead would be what it was before the life in front of it. */
static void choose_order(struct service *s)
{
	const char *text = s->manifest.key;

	(void)key_parse(&s->key, text ? text : "path"); /* the manifest's was checked */
	s->key.given = text != NULL;
	s->keyed = s->key.count > 0 && (text || !(only_replies(s) || only_computes(s)));
	s->stateful = s->manifest.reads_count > 0;
	s->may_write = database_needed(s);
	s->ordered = s->keyed && (s->head.threads > 1 || s->stateful);
}

static int choose_name(
	struct service *s, const struct config_service *config, char error[static HUB_ERROR_MAX])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *name = config->name ? config->name : s->manifest.name;

	if (name[0] < 'a' || name[0] > 'z' || name[strspn(name, letters)] != '\0' ||
		strlen(name) > MFI_NAME_MAX)
		return setup_bad(config->place, error, SETUP_USAGE,
			"name: '%.80s' is not a small letter, then small letters, digits and '-'",
			name);
	if (strcmp(name, MF_ACCELERATOR) == 0)
		return setup_bad(config->place, error, SETUP_USAGE,
			"name: '" MF_ACCELERATOR "' is what services call the hub's own special "
			"hardware: give it another");
	s->name = strdup(name);
	return s->name ? 0 : setup_bad(config->place, error, SETUP_FAILED, "no memory");
}

int setup_service(struct hub *hub, const struct config_service *config, const struct trust *trust,
	struct service **service, char error[static HUB_ERROR_MAX])
{
	struct service *s = malloc(sizeof(*s));
	int status;

	if (!s)
		return setup_bad(config->place, error, SETUP_FAILED, "no memory");
	service_init(s, hub);
	(void)fingerprint(config, trust->print, s->print);
	status = load_image(s, config, trust, error);
	if (status == 0)
		status = choose_name(s, config, error);
	if (status == 0)
		status = attach(s, config, error);
	if (status == 0)
		status = choose_backend(s, config, error);
	if (status == 0)
		status = choose_socket(s, config, error);
	if (status != 0) {
		service_close(s);
		return status;
	}
	if (s->head.backend == MFW_BACKEND_KVM)
		machine_open(&hub->machine, hub->kvm_fd);
	choose_limits(s, config);
	choose_order(s);
	if (s->head.areas > 0 && areas_open(&s->areas, s) < 0) {
		service_close(s);
		return setup_bad(config->place, error, SETUP_FAILED, "no memory");
	}
	*service = s;
	return 0;
}

bool setup_same(const struct service *a, const struct service *b)
{
	return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0 &&
		memcmp(a->snapshot, b->snapshot, sizeof(a->snapshot)) == 0 &&
		memcmp(&a->head, &b->head, sizeof(a->head)) == 0 && a->core == b->core &&
		a->queue_most == b->queue_most && a->idle_ns == b->idle_ns &&
		a->deadline_ns == b->deadline_ns && a->durability == b->durability &&
		a->circuit.most == b->circuit.most && !a->lend == !b->lend;
}
