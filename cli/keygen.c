/* cli/keygen.c - `mayfly keygen`: a pair of keys, in files as minisign's. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/out.h"
#include "cli/password.h"
#include "sys/fd.h"

static const char usage[] =
	"usage: mayfly keygen NAME [-o DIR] [-W | --password-file FILE]\n"
	"\n"
	"Makes two files in DIR (the working directory): NAME.pub, which hubs list under 'trust',\n"
	"and NAME.key, the secret one, which only its owner can read. minisign can use both.\n"
	"\n"
	"The secret key is encrypted with a password, as minisign does: scrypt (N = 2^17, r = 8:\n"
	"128 MiB and half a second for each try). It is asked for on the terminal.\n"
	"\n"
	"  -W                    no password: whoever has the file can sign\n"
	"  --password-file FILE  the password is the first line of FILE\n"
	"\n"
	"Nothing that exists is overwritten.\n"
	"Exit status: 0 done, 1 it can't be written, 2 usage, 3 not found.\n";

struct keygen {
	const char *name, *directory, *password_file;
	bool open; /* no password */
};

static int parse(struct keygen *k, int argc, char **argv)
{
	static const struct option options[] = {{"password-file", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:Wh", options, NULL)) != -1) {
		switch (c) {
		case 'o': k->directory = optarg; break;
		case 'W': k->open = true; break;
		case 'p': k->password_file = optarg; break;
		case 'h': fputs(usage, stdout); exit(out_end("keygen", STATUS_OK));
		default:
			return out_say("keygen", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly keygen "
				"--help",
				argv[optind - 1]);
		}
	}
	if (argc - optind != 1)
		return out_say("keygen", STATUS_USAGE, "name the key: mayfly keygen release");
	k->name = argv[optind];
	if (k->name[0] == '\0' || k->name[0] == '.' || strchr(k->name, '/'))
		return out_say("keygen", STATUS_USAGE,
			"\"%s\": a name, not a path: -o says in which directory", k->name);
	if (k->open && k->password_file)
		return out_say("keygen", STATUS_USAGE,
			"-W and --password-file \"%s\": give one of them", k->password_file);
	return STATUS_OK;
}

/* A new file, on the disk when this returns. */
static int put(const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode), rc;

	if (fd < 0 && errno == EEXIST)
		return out_say("keygen", STATUS_USAGE,
			"\"%s\" is there already: choose another name", path);
	if (fd < 0)
		return out_say("keygen", errno == ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
			"\"%s\": %s", path, strerror(errno));
	rc = fd_write_all(fd, text, strlen(text));
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	if (rc == 0)
		return STATUS_OK;
	unlink(path);
	return out_say("keygen", STATUS_FAILED, "\"%s\": %s", path, strerror(-rc));
}

static int write_files(const struct keygen *k, const struct sign_key *key, const char *secret_text)
{
	char base64[SIGN_KEY_TEXT], id[SIGNATURE_ID_TEXT], text[256];
	char public[PATH_MAX], secret[PATH_MAX];
	int status;

	if (snprintf(public, sizeof(public), "%s/%s.pub", k->directory, k->name) >= PATH_MAX)
		return out_say("keygen", STATUS_USAGE, "\"%s\": too long", k->name);
	snprintf(secret, sizeof(secret), "%s/%s.key", k->directory, k->name);
	sign_key_text(key, base64);
	signature_id(key->id, id);
	snprintf(text, sizeof(text), "untrusted comment: minisign public key %s\n%s\n", id, base64);
	status = put(secret, 0600, secret_text);
	if (status != STATUS_OK)
		return status;
	status = put(public, 0644, text);
	if (status != STATUS_OK) {
		unlink(secret);
		return status;
	}
	printf("key %s\n  %s  the secret key: keep it to yourself%s\n  %s  for hubs: trust: "
	       "{keys: [{key: %s}]}\n",
		id, secret, k->open ? ", it has no password" : "", public, base64);
	return out_end("keygen", STATUS_OK);
}

static int make(const struct keygen *k, const char *password)
{
	char text[SECRET_TEXT_MAX];
	struct secret_key secret;
	struct sign_key key;
	int rc = secret_make(&secret, &key), status;

	if (rc == 0)
		rc = secret_write(&secret, password, &secret_cost, text);
	secret_wipe(&secret);
	if (rc < 0)
		status = out_say("keygen", STATUS_FAILED, "can't make a key: %s", strerror(-rc));
	else
		status = write_files(k, &key, text);
	sodium_memzero(text, sizeof(text));
	return status;
}

int cmd_keygen(int argc, char **argv)
{
	struct keygen k = {.directory = "."};
	char password[PASSWORD_MAX];
	int status = parse(&k, argc, argv);

	keys_guard();
	if (status == STATUS_OK && !k.open)
		status = password_get("keygen", k.password_file, k.name, true, password);
	if (status == STATUS_OK)
		status = make(&k, k.open ? NULL : password);
	sodium_memzero(password, sizeof(password));
	return status;
}
