/* cli/sign.c - `mayfly sign`: puts a signature at an image's end. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/out.h"
#include "image/manifest.h"
#include "image/note.h"
#include "sys/log.h"

static const char usage[] =
	"usage: mayfly sign --key FILE [--password-file FILE] [--counter N] IMAGE...\n"
	"       mayfly sign --signature FILE.minisig --key PUBLIC IMAGE\n"
	"\n"
	"Signs images with a secret key of mayfly keygen or minisign -G. The signature becomes "
	"the\n"
	"image's end, in the place of one that is there; the digest stays what it was.\n"
	"\n"
	"  --counter N           the signed counter of releases; hubs refuse to go back to a "
	"lower\n"
	"                        one. Default: the image's own, `counter` of its mayfly.yaml; N "
	"can't\n"
	"                        be below it\n"
	"  --password-file FILE  of the secret key; default: asks, on the terminal\n"
	"  --signature FILE      takes what minisign -S made of the image without a signature, "
	"after a\n"
	"                        look with the public key\n"
	"  -o text|json\n"
	"\n"
	"Exit status: 0 signed, 1 it can't be written, 2 usage, or no image, 3 not found, 4 wrong\n"
	"password or a bad signature.\n";

struct sign {
	const char *key, *password_file, *signature, *counter_text;
	uint64_t counter;
	bool json;
	char **images;
	int count;
	/* from the options: */
	struct secret_key secret;
	struct sign_key public;
};

/* ------------------------------------------------------------------ arguments */

static int take_counter(struct sign *s)
{
	char *end;

	errno = 0;
	s->counter = strtoull(s->counter_text, &end, 10);
	if (errno == 0 && *end == '\0' && s->counter <= INT64_MAX && s->counter_text[0] >= '0' &&
		s->counter_text[0] <= '9')
		return STATUS_OK;
	return out_say(
		"sign", STATUS_USAGE, "--counter \"%s\": write a whole number", s->counter_text);
}

static int check(struct sign *s)
{
	if (!s->key)
		return out_say(
			"sign", STATUS_USAGE, "with which key? mayfly sign --key FILE IMAGE");
	if (s->count == 0)
		return out_say("sign", STATUS_USAGE, "no image: mayfly sign --key FILE IMAGE");
	if (s->signature && s->count > 1)
		return out_say(
			"sign", STATUS_USAGE, "--signature \"%s\": one image only", s->signature);
	if (s->signature && s->counter_text)
		return out_say("sign", STATUS_USAGE,
			"--counter and --signature \"%s\": what is signed can't be changed",
			s->signature);
	return s->counter_text ? take_counter(s) : STATUS_OK;
}

static int parse(struct sign *s, int argc, char **argv)
{
	static const struct option options[] = {{"key", required_argument, NULL, 'k'},
		{"password-file", required_argument, NULL, 'p'},
		{"counter", required_argument, NULL, 'c'},
		{"signature", required_argument, NULL, 's'},
		{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'k': s->key = optarg; break;
		case 'p': s->password_file = optarg; break;
		case 'c': s->counter_text = optarg; break;
		case 's': s->signature = optarg; break;
		case 'o':
			if (!out_format("sign", optarg, &s->json))
				return STATUS_USAGE;
			break;
		case 'h': fputs(usage, stdout); exit(out_end("sign", STATUS_OK));
		default:
			return out_say("sign", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly sign --help",
				argv[optind - 1]);
		}
	}
	s->images = argv + optind;
	s->count = argc - optind;
	return check(s);
}

/* -------------------------------------------------------------------- one image */

/* Nobody should sign an image that says one thing to the hub and another to the worker. */
static int check_manifest(const char *path, const struct image *image)
{
	char error[MANIFEST_ERROR_MAX];
	struct manifest manifest;

	if (note_manifest(&manifest, image, "its mayfly.yaml", error) < 0)
		return out_say("sign", STATUS_USAGE, "\"%s\": %s", path, error);
	manifest_free(&manifest);
	return STATUS_OK;
}

static int make(const struct sign *s, const char *path, const struct image *image,
	struct signature *signature)
{
	uint64_t own = image->note.counter, counter = s->counter_text ? s->counter : own;

	if (counter < own)
		return out_say("sign", STATUS_USAGE,
			"--counter %llu: the image itself, \"%s\", has %llu already",
			(unsigned long long)counter, path, (unsigned long long)own);
	if (counter == 0)
		out_say("sign", 0,
			"\"%s\": counter 0: no hub can tell that it is older than another: raise "
			"`counter` in its mayfly.yaml with every release",
			path);
	signature_claim(signature, image->note.name, counter);
	if (secret_sign(&s->secret, image->bytes, image->content, signature) < 0)
		return out_say("sign", STATUS_FAILED, "libsodium can't be used");
	return STATUS_OK;
}

static int import(const struct sign *s, const char *path, const struct image *image,
	struct signature *signature)
{
	static const char *const wrong[] = {[SIGN_OTHER_KEY] = "another key made it",
		[SIGN_ALTERED] = "it is not of this image without its signature",
		[SIGN_COMMENT] = "its trusted comment was altered"};
	char error[SIGNATURE_ERROR_MAX];
	enum sign_verdict verdict;
	uint8_t *text;
	size_t n;
	int rc = out_read_file(s->signature, 65536, &text, &n);

	if (rc < 0)
		return out_say("sign", rc == -ENOENT ? STATUS_NOT_FOUND : STATUS_USAGE,
			"\"%s\": %s", s->signature, strerror(-rc));
	rc = signature_parse(text, n, signature, error);
	free(text);
	if (rc < 0)
		return out_say("sign", STATUS_USAGE, "\"%s\": %s", s->signature, error);
	verdict = sign_check(&s->public, signature, image->bytes, image->content);
	return verdict == SIGN_GOOD ? STATUS_OK
				    : out_say("sign", STATUS_DENIED, "\"%s\": for \"%s\": %s",
					      s->signature, path, wrong[verdict]);
}

static int tell(const struct sign *s, const char *path, const struct image *image,
	const struct signature *signature, uint64_t counter)
{
	char id[SIGNATURE_ID_TEXT], digest[65], clean[PATH_MAX];

	signature_id(signature->key_id, id);
	out_hex(image->digest, sizeof(image->digest), digest);
	if (s->json)
		return out_json("sign", STATUS_OK,
			json_pack("{s:s, s:o, s:I, s:s, s:s}", "name", image->note.name, "image",
				out_text(path), "counter", (json_int_t)counter, "key_id", id,
				"digest", digest));
	printf("%s  counter %llu  key %s  sha256 %.12s  %s\n", image->note.name,
		(unsigned long long)counter, id, digest,
		log_clean(clean, sizeof(clean), path, strlen(path)));
	return out_end("sign", STATUS_OK);
}

/* What was written must be what a hub will take. */
static int finish(const struct sign *s, const char *path, const struct image *image,
	const struct signature *signature)
{
	char error[SIGNATURE_ERROR_MAX] = "no memory";
	struct signature again;
	struct image whole;
	uint64_t counter = 0;
	uint8_t *bytes;
	size_t size;
	int rc = signature_attach(image->bytes, image->content, signature, &bytes, &size);

	if (rc == 0) {
		rc = image_parse(&whole, bytes, size, error);
		if (rc == 0)
			rc = signature_of_image(&whole, &again, &counter, error);
		if (rc == 0) {
			rc = out_write_file(path, bytes, size);
			snprintf(error, sizeof(error), "%s", strerror(-rc));
		}
		free(bytes);
	}
	if (rc < 0)
		return out_say("sign", rc == -EINVAL ? STATUS_USAGE : STATUS_FAILED, "\"%s\": %s",
			path, error);
	return tell(s, path, image, signature, counter);
}

static int sign_image(const struct sign *s, const char *path)
{
	struct signature signature;
	struct image image;
	int status = keys_image("sign", path, STATUS_USAGE, &image);

	if (status != STATUS_OK)
		return status;
	status = check_manifest(path, &image);
	if (status == STATUS_OK && s->signature)
		status = import(s, path, &image, &signature);
	else if (status == STATUS_OK)
		status = make(s, path, &image, &signature);
	if (status == STATUS_OK)
		status = finish(s, path, &image, &signature);
	image_close(&image);
	return status;
}

int cmd_sign(int argc, char **argv)
{
	struct sign s = {.key = NULL};
	int status = parse(&s, argc, argv);

	keys_guard();
	if (status == STATUS_OK && s.signature)
		status = keys_public("sign", s.key, &s.public);
	else if (status == STATUS_OK)
		status = keys_secret("sign", s.key, s.password_file, &s.secret);
	for (int i = 0; i < s.count && status == STATUS_OK; i++)
		status = sign_image(&s, s.images[i]);
	secret_wipe(&s.secret);
	return status;
}
