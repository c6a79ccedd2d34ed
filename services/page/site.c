/* site.c - see site.h */
#include "site.h"

#include "base/num.h"
#include "type.h"
#include "wire/sha256.h"

/* It runs once, when the snapshot is made: compiled for size, away from what lives run. */
#define INIT_ONLY __attribute__((cold))

#define CACHE_MAX 31536000u /* a year: longer says nothing (RFC 9111 5.2.2.1) */
#define ETAG_HASH 16u       /* bytes of the SHA-256 that an entity tag shows */

static int compare(struct mf_str a, struct mf_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

const struct site_file *site_find(const struct site *site, struct mf_str name)
{
	size_t from = 0, to = site->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int c = compare(name, site->files[middle].name);

		if (c == 0)
			return &site->files[middle];
		if (c < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return NULL;
}

/* "\"0123...\"" */
INIT_ONLY static void make_etag(struct site_file *file)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[SHA256_BYTES];
	char *to = file->etag;

	sha256(file->content.p, file->content.n, hash);
	*to++ = '"';
	for (unsigned i = 0; i < ETAG_HASH; i++) {
		*to++ = digits[hash[i] >> 4];
		*to++ = digits[hash[i] & 15];
	}
	*to++ = '"';
	*to = '\0';
}

INIT_ONLY static void check_size(struct mf_str name, size_t n)
{
	if (n > mf_reply_most())
		mf_fail("%.*s: %zu bytes, and a reply can have %zu: raise memory.effects in "
			"page's mayfly.yaml, and memory.window by as much, and build it again",
			(int)name.n, (const char *)name.p, n, mf_reply_most());
}

INIT_ONLY static size_t count_files(size_t *bytes)
{
	struct mf_str name, content;
	size_t n = 0;

	for (*bytes = 0; mf_data_at(n, &name, &content); n++) {
		check_size(name, content.n);
		*bytes += content.n;
	}
	return n;
}

/* Files are sorted, so the file that a ".gz" belongs to stands before it. */
INIT_ONLY static void link_gzip(const struct site *site, const struct site_file *gz)
{
	struct mf_str plain = gz->name;
	struct site_file *file;

	if (plain.n < 3 || memcmp(plain.p + plain.n - 3, ".gz", 3) != 0)
		return;
	plain.n -= 3;
	file = (struct site_file *)site_find(site, plain);
	if (file)
		file->gzip = gz;
}

INIT_ONLY static void read_config(struct site *site)
{
	struct mf_str cache = mf_config("cache"), prefix = mf_config("prefix");
	uint64_t seconds;

	if (!num_parse(cache, &seconds) || seconds > CACHE_MAX)
		mf_fail("config cache: \"%.*s\": expected seconds, 0 to %u", (int)cache.n,
			(const char *)cache.p, CACHE_MAX);
	if (seconds > 0)
		mf_format(
			site->cache, sizeof(site->cache), "public, max-age=%u", (unsigned)seconds);
	else
		mf_format(site->cache, sizeof(site->cache), "no-cache");
	while (prefix.n > 0 && prefix.p[prefix.n - 1] == '/')
		prefix.n--;
	if (prefix.n > 0 && prefix.p[0] != '/')
		mf_fail("config prefix: \"%.*s\": expected a path that begins with '/', as in "
			"/site",
			(int)prefix.n, (const char *)prefix.p);
	site->prefix = prefix;
}

INIT_ONLY void site_load(struct site *site)
{
	size_t bytes, n = count_files(&bytes);
	struct site_file *files;

	read_config(site);
	if (n > mf_init_left() / sizeof(*files))
		mf_fail("%zu files, and the index has room for %zu: raise memory.init in page's "
			"mayfly.yaml and build it again",
			n, mf_init_left() / sizeof(*files));
	files = mf_init_alloc(n * sizeof(*files));
	for (size_t i = 0; i < n; i++) {
		mf_data_at(i, &files[i].name, &files[i].content);
		files[i].type = type_of(files[i].name);
		files[i].gzip = NULL;
		make_etag(&files[i]);
	}
	site->files = files;
	site->count = n;
	for (size_t i = 0; i < n; i++)
		link_gzip(site, &files[i]);
	mf_log("%zu files, %zu KiB", n, (bytes + 1023) >> 10);
}
