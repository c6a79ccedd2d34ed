/* hub/trust.c - see trust.h */
#include "hub/trust.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <sodium/core.h>
#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config.h"
#include "hub/counters.h"
#include "hub/plan.h"
#include "hub/setup.h"
#include "sys/fd.h"

_Static_assert(TRUST_ERROR_MAX == HUB_ERROR_MAX, "one size of error");

#define KEY_FILE_MAX 4096u

/* --------------------------------------------------------------------- keys */

static int read_key(const struct config_trust_key *config, struct sign_key *key,
	char error[static TRUST_ERROR_MAX])
{
	char why[SIGNATURE_ERROR_MAX];
	void *text = NULL;
	size_t n = 0;
	int fd, rc;

	if (config->is_text) {
		rc = sign_key_parse(config->key, strlen(config->key), key, why);
	} else {
		fd = fd_open_file(config->key);
		rc = fd < 0 ? fd : fd_read_all(fd, KEY_FILE_MAX, &text, &n);
		fd_close(&fd);
		if (rc < 0)
			return setup_bad(config->place, error,
				rc == -ENOENT ? SETUP_NOT_FOUND : SETUP_FAILED,
				"trust: key: \"%s\": %s", config->key, fd_open_error(rc));
		rc = sign_key_parse(text, n, key, why);
		free(text);
	}
	return rc == 0 ? 0
		       : setup_bad(config->place, error, SETUP_USAGE, "trust: key: \"%s\": %s",
				 config->key, why);
}

static int take_key(struct trust *trust, const struct config_trust_key *config,
	char error[static TRUST_ERROR_MAX])
{
	struct trust_key *key = &trust->keys[trust->count];
	char id[SIGNATURE_ID_TEXT];
	int status = read_key(config, &key->key, error);

	if (status != 0)
		return status;
	key->config = config;
	signature_id(key->key.id, id);
	snprintf(key->name, sizeof(key->name), "%.63s", config->name ? config->name : id);
	for (unsigned i = 0; i < trust->count; i++)
		if (memcmp(trust->keys[i].key.id, key->key.id, sizeof(key->key.id)) == 0)
			return setup_bad(config->place, error, SETUP_USAGE,
				"trust: key %s stands there already, at %s", id,
				trust->keys[i].config->place);
	trust->count++;
	return 0;
}

static void add_text(crypto_hash_sha256_state *h, const char *text)
{
	(void)crypto_hash_sha256_update(h, (const uint8_t *)text, strlen(text) + 1);
}

static void make_print(struct trust *trust)
{
	crypto_hash_sha256_state h;
	uint8_t flag = trust->config->allow_unsigned;

	(void)crypto_hash_sha256_init(&h);
	(void)crypto_hash_sha256_update(&h, &flag, 1);
	for (unsigned i = 0; i < trust->count; i++) {
		const struct trust_key *key = &trust->keys[i];

		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a key that was taken has it */
		flag = (uint8_t)(key->config->revoked << 1 | key->config->services_given);
		(void)crypto_hash_sha256_update(&h, (const uint8_t *)&key->key, sizeof(key->key));
		(void)crypto_hash_sha256_update(&h, &flag, 1);
		add_text(&h, key->name);
		for (unsigned j = 0; j < key->config->services_count; j++)
			add_text(&h, key->config->services[j]);
		add_text(&h, "");
	}
	(void)crypto_hash_sha256_final(&h, trust->print);
}

int trust_open(struct trust *trust, const struct config_trust *config,
	const struct counters *counters, char error[static TRUST_ERROR_MAX])
{
	int status = 0;

	*trust = (struct trust){.config = config, .counters = counters};
	trust->keys = calloc(config->keys_count + 1, sizeof(*trust->keys));
	if (!trust->keys || (config->keys_count > 0 && sodium_init() < 0)) {
		snprintf(error, TRUST_ERROR_MAX, "trust: no memory");
		return SETUP_FAILED;
	}
	for (unsigned i = 0; i < config->keys_count && status == 0; i++)
		status = take_key(trust, &config->keys[i], error);
	if (status == 0)
		make_print(trust);
	return status;
}

void trust_close(struct trust *trust)
{
	free(trust->keys);
	trust->keys = NULL;
	trust->count = 0;
}

/* -------------------------------------------------------------------- judge */

/* What is judged, and what is found. */
struct judging {
	const struct trust *trust;
	const struct image *image;
	const struct config_service *service;
	const char *name; /* of the service, here */
	struct trust_verdict *verdict;
	char *error;
	struct signature signature;
	char id[SIGNATURE_ID_TEXT]; /* of the key that says to have signed it */
};

__attribute__((format(printf, 2, 3))) static int deny(
	const struct judging *j, const char *format, ...)
{
	char why[700];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return setup_bad(j->service->place, j->error, SETUP_DENIED, "image: \"%s\": %s",
		j->service->image, why);
}

/* Nobody whom we know vouches for it. */
static int judge_unknown(const struct judging *j)
{
	if (j->trust->config->allow_unsigned)
		return 0;
	if (j->image->signature.n == 0)
		return deny(j,
			"it is not signed: sign it with mayfly sign and name the key under "
			"'trust', "
			"or say trust: {allow_unsigned: true} if this hub is for development");
	return deny(j,
		"it is signed by key %s, which is not under 'trust': add it there if you "
		"trust it with %s",
		j->id, j->name);
}

static const struct trust_key *find_key(const struct trust *trust, const uint8_t id[8])
{
	for (unsigned i = 0; i < trust->count; i++)
		if (memcmp(trust->keys[i].key.id, id, 8) == 0)
			return &trust->keys[i];
	return NULL;
}

static bool may_sign(const struct config_trust_key *key, const char *name)
{
	if (!key->services_given)
		return true;
	for (unsigned i = 0; i < key->services_count; i++)
		if (fnmatch(key->services[i], name, 0) == 0)
			return true;
	return false;
}

/* The name that is signed, and the one that it is to have here. */
static int judge_names(const struct judging *j, const struct trust_key *key)
{
	const char *const names[] = {j->image->note.name, j->name};

	for (unsigned i = 0; i < 2; i++)
		if (!may_sign(key->config, names[i]))
			return deny(j, "key %s signed it, which may not sign '%s': see %s",
				key->name, names[i], key->config->place);
	return 0;
}

static int judge_counter(const struct judging *j, uint64_t counter)
{
	uint64_t highest = counters_of(j->trust->counters, j->name);
	const struct config_service *s = j->service;

	if (counter >= highest || (s->allow_rollback_given && counter >= s->allow_rollback))
		return 0;
	return deny(j,
		"its counter is %llu, and %s ran here with %llu already: a rollback; if it is "
		"meant, say allow_rollback: %llu there",
		(unsigned long long)counter, j->name, (unsigned long long)highest,
		(unsigned long long)counter);
}

static int judge_signed(struct judging *j, const struct trust_key *key, uint64_t counter)
{
	int status;

	if (key->config->revoked)
		return deny(j, "key %s signed it, which is revoked: see %s", key->name,
			key->config->place);
	switch (sign_check(&key->key, &j->signature, j->image->bytes, j->image->content)) {
	case SIGN_GOOD: break;
	case SIGN_COMMENT:
		return deny(j, "its signature's trusted comment was altered after key %s signed it",
			key->name);
	default: return deny(j, "it was altered after key %s signed it", key->name);
	}
	status = judge_names(j, key);
	if (status == 0)
		status = judge_counter(j, counter);
	if (status != 0)
		return status;
	*j->verdict = (struct trust_verdict){.verified = true, .counter = counter};
	memcpy(j->verdict->key, key->name, sizeof(key->name));
	return 0;
}

int trust_judge(const struct trust *trust, const struct image *image,
	const struct config_service *service, struct trust_verdict *verdict,
	char error[static TRUST_ERROR_MAX])
{
	struct judging j = {.trust = trust,
		.image = image,
		.service = service,
		.name = service->name ? service->name : image->note.name,
		.verdict = verdict,
		.error = error};
	char why[SIGNATURE_ERROR_MAX];
	const struct trust_key *key;
	uint64_t counter;
	int rc = signature_of_image(image, &j.signature, &counter, why);

	*verdict = (struct trust_verdict){0};
	if (rc == -ENOENT)
		return judge_unknown(&j);
	if (rc < 0)
		return deny(&j, "%s", why);
	signature_id(j.signature.key_id, j.id);
	key = find_key(trust, j.signature.key_id);
	return key ? judge_signed(&j, key, counter) : judge_unknown(&j);
}

/* ----------------------------------------------------------------- counters */

int trust_prepare(const struct plan *plan, char error[static TRUST_ERROR_MAX])
{
	struct counters *counters = &plan->hub->counters;
	int rc = counters_begin(counters);

	for (unsigned i = 0; i < plan->config->services_count && rc == 0; i++)
		if (plan->services[i]->verdict.verified)
			rc = counters_raise(counters, plan->services[i]->name,
				plan->services[i]->verdict.counter);
	if (rc == 0 && !plan->hub->options.check)
		rc = counters_prepare(counters);
	if (rc == 0)
		return 0;
	snprintf(error, TRUST_ERROR_MAX,
		"state: \"%s\": can't write down which releases run here: %s",
		plan->hub->state ? plan->hub->state : "", strerror(-rc));
	return SETUP_FAILED;
}

void trust_commit(const struct plan *plan)
{
	int rc = counters_commit(&plan->hub->counters);

	if (rc < 0)
		log_error("state: \"%s\": can't write down which releases run here, so older ones "
			  "can come back when the hub has ended: %s",
			plan->hub->state, strerror(-rc));
	trust_report(plan, false);
}

/* ------------------------------------------------------------------- report */

/* "echo, dns and 3 more" of what isn't verified; their number. */
static unsigned list_unverified(const struct plan *plan, char *to, size_t size)
{
	const unsigned named = 8;
	unsigned count = 0;

	to[0] = '\0';
	for (unsigned i = 0; i < plan->config->services_count; i++) {
		const struct service *s = plan->services[i];
		size_t n = strlen(to);

		if (!s->verdict.verified && count++ < named)
			snprintf(to + n, size - n, "%s%s", n ? ", " : "", s->name);
	}
	if (count > named)
		snprintf(to + strlen(to), size - strlen(to), " and %u more", count - named);
	return count;
}

static void report_verified(const struct plan *plan)
{
	for (unsigned i = 0; i < plan->config->services_count; i++) {
		const struct service *s = plan->services[i];

		if (s->verdict.verified)
			log_about(LOG_INFO, s->name, NULL, "signed by %s, counter %llu",
				s->verdict.key, (unsigned long long)s->verdict.counter);
	}
}

void trust_report(const struct plan *plan, bool all)
{
	char names[1024];
	unsigned count = list_unverified(plan, names, sizeof(names));

	if (all)
		report_verified(plan);
	if (count > 0)
		log_warn("allow_unsigned: nobody vouches for the image%s of %s",
			count == 1 ? "" : "s", names);
	else if (plan->config->trust.allow_unsigned)
		log_warn("allow_unsigned: all images are signed: take it out of %s",
			plan->config->trust.place);
	if (count < plan->config->services_count && !plan->hub->state &&
		plan->hub->reloads.done == 0)
		log_warn("there is no 'state' directory: which releases ran here is forgotten when "
			 "the hub ends, and older ones can come back then");
}
