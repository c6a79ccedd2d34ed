/* cli/verify.c - `mayfly verify`: did one of these keys sign this image? */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/out.h"
#include "sys/log.h"

#define KEYS_MAX 64

static const char usage[] =
	"usage: mayfly verify IMAGE --key PUBLIC [--key PUBLIC]... [-o text|json]\n"
	"       mayfly verify IMAGE --extract PREFIX [--key PUBLIC]...\n"
	"\n"
	"Says whether one of these keys signed the image: files NAME.pub of mayfly keygen or\n"
	"minisign -G, or their second line. What hubs ask besides, whether the key may sign a\n"
	"service of this name and whether a newer one ran already, is for `mayfly config check`.\n"
	"\n"
	"  --extract PREFIX  writes PREFIX, the image without its signature, and PREFIX.minisig, "
	"so\n"
	"                    that `minisign -Vm PREFIX -p NAME.pub` can check it\n"
	"\n"
	"Exit status: 0 yes, 1 it can't be written, 2 usage, 3 not found, 4 no: it is not signed, "
	"was\n"
	"altered, or another key signed it.\n";

struct verify {
	const char *image, *prefix;
	const char *key[KEYS_MAX];
	unsigned count;
	bool json;
};

static int add_key(struct verify *v, const char *key)
{
	if (v->count == KEYS_MAX)
		return out_say(
			"verify", STATUS_USAGE, "--key \"%s\": more than %d keys", key, KEYS_MAX);
	v->key[v->count++] = key;
	return STATUS_OK;
}

static int parse(struct verify *v, int argc, char **argv)
{
	static const struct option options[] = {{"key", required_argument, NULL, 'k'},
		{"extract", required_argument, NULL, 'e'}, {"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int c, status = STATUS_OK;

	opterr = 0;
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'k': status = add_key(v, optarg); break;
		case 'e': v->prefix = optarg; break;
		case 'o':
			status = out_format("verify", optarg, &v->json) ? STATUS_OK : STATUS_USAGE;
			break;
		case 'h': fputs(usage, stdout); exit(out_end("verify", STATUS_OK));
		default:
			return out_say("verify", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly verify "
				"--help",
				argv[optind - 1]);
		}
	}
	if (status == STATUS_OK && argc - optind != 1)
		status = out_say(
			"verify", STATUS_USAGE, "give one image: mayfly verify IMAGE --key PUBLIC");
	if (status == STATUS_OK && v->count == 0 && !v->prefix)
		status = out_say(
			"verify", STATUS_USAGE, "signed by whom? mayfly verify IMAGE --key PUBLIC");
	v->image = argv[optind];
	return status;
}

/* ---------------------------------------------------------------------- look */

static int refuse(const struct verify *v, const struct signature *s, enum sign_verdict verdict,
	const char *key)
{
	char id[SIGNATURE_ID_TEXT];

	signature_id(s->key_id, id);
	switch (verdict) {
	case SIGN_ALTERED:
		return out_say("verify", STATUS_DENIED,
			"\"%s\": it was altered after key %s signed it, or something else was "
			"signed: don't run it",
			v->image, id);
	case SIGN_COMMENT:
		return out_say("verify", STATUS_DENIED,
			"\"%s\": the signature's trusted comment was altered: don't run it",
			v->image);
	default:
		return out_say("verify", STATUS_DENIED, "\"%s\": key %s signed it, and not %s",
			v->image, id, v->count == 1 ? key : "one of these");
	}
}

/* Which of the keys it was; *by is its number. */
static int look(
	const struct verify *v, const struct image *image, const struct signature *s, unsigned *by)
{
	enum sign_verdict verdict = SIGN_OTHER_KEY;

	for (unsigned i = 0; i < v->count && verdict == SIGN_OTHER_KEY; i++) {
		struct sign_key key;
		int status = keys_public("verify", v->key[i], &key);

		if (status != STATUS_OK)
			return status;
		verdict = sign_check(&key, s, image->bytes, image->content);
		*by = i;
	}
	return verdict == SIGN_GOOD ? STATUS_OK : refuse(v, s, verdict, v->key[0]);
}

static int tell(const struct verify *v, const struct image *image, const struct signature *s,
	uint64_t counter, unsigned by)
{
	char id[SIGNATURE_ID_TEXT], digest[65], comment[SIGNATURE_COMMENT_MAX];

	signature_id(s->key_id, id);
	out_hex(image->digest, sizeof(image->digest), digest);
	if (v->json)
		return out_json("verify", STATUS_OK,
			json_pack("{s:s, s:I, s:s, s:s, s:o, s:s}", "name", image->note.name,
				"counter", (json_int_t)counter, "key", v->key[by], "key_id", id,
				"trusted_comment", out_text(s->comment), "digest", digest));
	log_clean(comment, sizeof(comment), s->comment, strlen(s->comment));
	printf("%s  good  counter %llu  key %s  sha256 %.12s  \"%s\"\n", image->note.name,
		(unsigned long long)counter, id, digest, comment);
	return out_end("verify", STATUS_OK);
}

/* ------------------------------------------------------------------- extract */

static int put(const char *path, const void *bytes, size_t n)
{
	int rc = out_write_file(path, bytes, n);

	return rc == 0 ? STATUS_OK
		       : out_say("verify", rc == -ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
				 "\"%s\": %s", path, strerror(-rc));
}

static int extract(const struct verify *v, const struct image *image)
{
	char path[PATH_MAX];
	int status;

	if (snprintf(path, sizeof(path), "%s.minisig", v->prefix) >= PATH_MAX)
		return out_say("verify", STATUS_USAGE, "\"%s\": too long", v->prefix);
	status = put(v->prefix, image->bytes, image->content);
	return status == STATUS_OK ? put(path, image->signature.p, image->signature.n) : status;
}

int cmd_verify(int argc, char **argv)
{
	struct verify v = {.count = 0};
	struct signature s;
	struct image image;
	char error[SIGNATURE_ERROR_MAX];
	uint64_t counter;
	unsigned by = 0;
	int status = parse(&v, argc, argv);

	if (status != STATUS_OK)
		return status;
	status = keys_image("verify", v.image, STATUS_DENIED, &image);
	if (status != STATUS_OK)
		return status;
	if (signature_of_image(&image, &s, &counter, error) < 0)
		status = out_say("verify", STATUS_DENIED, "\"%s\": %s", v.image, error);
	if (status == STATUS_OK && v.count > 0)
		status = look(&v, &image, &s, &by);
	if (status == STATUS_OK && v.prefix)
		status = extract(&v, &image);
	if (status == STATUS_OK && v.count > 0)
		status = tell(&v, &image, &s, counter, by);
	image_close(&image);
	return status;
}
