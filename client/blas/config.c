#include "client/blas/config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/blas/say.h"

struct config config;

static void number(const char *name, double least, double most, double *to)
{
	const char *text = secure_getenv(name);
	char *end;
	double value;

	if (text == NULL || *text == '\0')
		return;
	value = strtod(text, &end);
	if (*end != '\0' || !(value >= least && value <= most))
		say("%s=%s: not a number from %g to %g: %g is taken", name, text, least, most, *to);
	else
		*to = value;
}

static const char *text(const char *name)
{
	const char *value = secure_getenv(name);

	return value != NULL && *value != '\0' ? strdup(value) : NULL;
}

static enum mode mode(const char *value)
{
	static const char *const names[] = {"auto", "local", "remote"};

	for (unsigned i = 0; value != NULL && i < 3; i++)
		if (strcmp(value, names[i]) == 0)
			return (enum mode)i;
	if (value != NULL)
		say("MAYFLY_BLAS_MODE=%s: not auto, local or remote: auto is taken", value);
	return MODE_AUTO;
}

static const char *cache(void)
{
	const char *base = secure_getenv("XDG_CACHE_HOME"), *under = "";
	char *path;

	if (base == NULL || base[0] != '/') { /* the specification: a relative one is ignored */
		base = secure_getenv("HOME");
		under = "/.cache";
	}
	if (base == NULL || base[0] != '/' || asprintf(&path, "%s%s/mayfly/blas", base, under) < 0)
		return NULL;
	return path;
}

void config_read(void)
{
	double verify = 2, wrong = 3, explain = 0;

	config.url = text("MAYFLY_BLAS_URL");
	config.local = text("MAYFLY_BLAS_LOCAL");
	config.token = text("MAYFLY_BLAS_TOKEN_FILE");
	config.authorities = text("MAYFLY_BLAS_CA_FILE");
	config.certificate = text("MAYFLY_BLAS_CERTIFICATE_FILE");
	config.key = text("MAYFLY_BLAS_KEY_FILE");
	config.mode = mode(secure_getenv("MAYFLY_BLAS_MODE"));
	config.cache = cache();
	config.deadline = 3600;
	config.retry = 30;
	config.keep = 60;
	number("MAYFLY_BLAS_EXPLAIN", 0, 1, &explain);
	number("MAYFLY_BLAS_VERIFY", 0, 64, &verify);
	number("MAYFLY_BLAS_WRONG", 1, 1e6, &wrong);
	number("MAYFLY_BLAS_TOLERANCE", 0, 1, &config.tolerance);
	number("MAYFLY_BLAS_DEADLINE", 0.001, 1e7, &config.deadline);
	number("MAYFLY_BLAS_RETRY", 0, 1e7, &config.retry);
	number("MAYFLY_BLAS_KEEP", 0, 604800, &config.keep);
	config.explain = explain > 0;
	config.verify = (unsigned)verify;
	config.wrong_most = (unsigned)wrong;
	if (config.mode == MODE_REMOTE && config.url == NULL)
		say("MAYFLY_BLAS_MODE=remote, but MAYFLY_BLAS_URL names no service: all is local");
}
