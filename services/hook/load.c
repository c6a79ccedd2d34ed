/* load.c - config and keys, in mf_init */
#include "hook.h"

#include "base/num.h"
#include "wire/base64.h"

/* It runs once, when the snapshot is made: compiled for size, away from what lives run. */
#define INIT_ONLY __attribute__((cold))

#define KEY_MAX       512u
#define KEY_SHORT     16u /* bytes; RFC 2104 3 wants 32, and less is worth a warning */
#define TOLERANCE_MAX 86400u
#define PREFIX        "whsec_"

INIT_ONLY static const struct hook_style *style_named(struct mf_str name)
{
	for (const struct hook_style *s = hook_styles; s->name; s++)
		if (mf_str_is(name, s->name))
			return s;
	mf_fail("config style: \"%.*s\": expected github, stripe or standard", (int)name.n,
		(const char *)name.p);
}

/* The next line that isn't empty, without its end. */
INIT_ONLY static bool next_line(struct mf_str *text, struct mf_str *line)
{
	while (text->n > 0) {
		size_t n = 0;

		while (n < text->n && text->p[n] != '\n')
			n++;
		*line = mf_str_of(text->p, n);
		n += n < text->n;
		*text = mf_str_of(text->p + n, text->n - n);
		if (line->n > 0 && line->p[line->n - 1] == '\r')
			line->n--;
		if (line->n > 0)
			return true;
	}
	return false;
}

INIT_ONLY static void add_key(struct hook *hook, struct mf_str line, unsigned number)
{
	uint8_t bytes[BASE64_ROOM(KEY_MAX)];
	struct mf_str key = line;
	size_t skip = sizeof(PREFIX) - 1, n;

	if (hook->keys == HOOK_KEYS_MAX)
		mf_fail("secret: line %u: expected %u keys at most", number, HOOK_KEYS_MAX);
	if (line.n > KEY_MAX)
		mf_fail("secret: line %u: expected a key of %u bytes at most", number, KEY_MAX);
	if (hook->style->base64_keys) {
		if (key.n > skip && memcmp(key.p, PREFIX, skip) == 0)
			key = mf_str_of(key.p + skip, key.n - skip);
		if (!base64_read(key, bytes, &n) || n == 0)
			mf_fail("secret: line %u: expected " PREFIX
				" and base64, as style standard "
				"has it",
				number);
		key = mf_str_of(bytes, n);
	}
	if (key.n < KEY_SHORT)
		mf_log_at(MF_LEVEL_WARN,
			"secret: line %u: a key of %zu bytes can be guessed: "
			"take 32 random ones",
			number, key.n);
	hmac_key(&hook->key[hook->keys++], key.p, key.n);
}

INIT_ONLY void hook_load(struct hook *hook)
{
	struct mf_str secret = mf_data("secret"), line, tolerance = mf_config("tolerance");
	unsigned number = 0;

	hook->style = style_named(mf_config("style"));
	if (!num_parse(tolerance, &hook->tolerance_s) || hook->tolerance_s == 0 ||
		hook->tolerance_s > TOLERANCE_MAX)
		mf_fail("config tolerance: \"%.*s\": expected seconds, 1 to %u", (int)tolerance.n,
			(const char *)tolerance.p, TOLERANCE_MAX);
	hook->keys = 0;
	while (next_line(&secret, &line))
		add_key(hook, line, ++number);
	if (hook->keys == 0)
		mf_fail("secret: it is empty: expected a key, or several, one a line");
}
