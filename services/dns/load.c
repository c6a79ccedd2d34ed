/* load.c - the attached zone files into an index */
#include "load.h"

#include <mayfly.h>

#include "rdata.h"
#include "zonefile.h"

static bool is_zone_file(struct mf_str name)
{
	struct mf_str ending = MF_STR(".zone");

	return name.n > ending.n &&
		mf_str_eq(mf_str_of(name.p + name.n - ending.n, ending.n), ending);
}

/* The next zone file from the i-th attached file on; i then is behind it. */
static bool next_file(size_t *i, struct mf_str *name, struct mf_str *text)
{
	while (mf_data_at((*i)++, name, text))
		if (is_zone_file(*name))
			return true;
	return false;
}

/* About how many names there will be; a wrong guess costs speed only. */
static uint32_t count_lines(void)
{
	struct mf_str name, text;
	uint32_t lines = 0;

	for (size_t i = 0; next_file(&i, &name, &text);)
		for (size_t at = 0; at < text.n; at++)
			lines += text.p[at] == '\n';
	return lines;
}

/* First pass: is every line right by itself, and where is the apex? Only when the apexes of
 * all files are known is it clear to which zone a name belongs. */
static struct zone *survey(struct build *b, struct mf_str name, struct mf_str text)
{
	struct zonefile f;
	struct zone *zone = NULL;

	zonefile_begin(&f, name, text);
	while (zonefile_next(&f)) {
		rdata_read(&f.scan, f.type, &f.origin, b, NULL);
		if (f.type != DNS_SOA || zone)
			continue;
		zone = build_zone(b, f.owner.wire);
		if (!zone)
			scan_fail(&f.scan, &f.at, "a zone that another attached file holds too",
				"one file for each zone");
	}
	if (!zone)
		mf_fail("%.*s: no SOA record: expected exactly one, at the zone's apex",
			(int)name.n, (const char *)name.p);
	return zone;
}

static void report(const struct zonefile *f, enum build_result result)
{
	const struct scan *s = &f->scan;

	switch (result) {
	case BUILD_ADDED:
	case BUILD_DUPLICATE:
	case BUILD_ELSEWHERE: return;
	case BUILD_OTHER_TTL:
		scan_warn(s, &f->at, "TTLs of one name and type differ; the lowest is used");
		return;
	case BUILD_OUTSIDE:
		scan_fail(
			s, &f->at, "a name outside the zone", "a name at or below that of the SOA");
	case BUILD_NOT_APEX:
		scan_fail(s, &f->type_token, "a second SOA, at another name", "one SOA in a file");
	case BUILD_SECOND_SOA: scan_fail(s, &f->type_token, "a second SOA", "one SOA in a file");
	case BUILD_CNAME_ALONE:
		scan_fail(s, &f->type_token, "a CNAME and other data at one name",
			"a CNAME alone, or none");
	case BUILD_SECOND_CNAME:
		scan_fail(s, &f->type_token, "a second CNAME at one name", "one CNAME");
	case BUILD_WILDCARD_NS:
		scan_fail(s, &f->type_token, "a delegation of a wildcard, which has no meaning",
			"another type (RFC 4592 4.2)");
	case BUILD_APEX_DS:
		scan_fail(s, &f->type_token, "a DS at the apex", "it in the parent's zone");
	case BUILD_TOO_MANY:
		scan_fail(s, &f->type_token, "too many records of one name and type",
			"at most 65535");
	}
}

/* Second pass. */
static void fill(struct build *b, struct zone *zone, struct mf_str name, struct mf_str text)
{
	struct zonefile f;

	zonefile_begin(&f, name, text);
	while (zonefile_next(&f)) {
		struct scan data = f.scan;
		size_t len = rdata_read(&f.scan, f.type, &f.origin, b, NULL);
		struct zone_record *record = build_record(b, len);

		rdata_read(&data, f.type, &f.origin, b, record->data);
		struct zone_node *owner = build_name(b, f.owner.wire);
		report(&f, build_add(b, zone, owner, f.type, f.ttl, record));
	}
}

static void check_zone(const struct build *b, const struct zone *zone, struct mf_str file)
{
	const struct zone_node *apex = zone_node(&b->z, zone->apex);
	char text[DNS_NAME_TEXT];

	if (!zone_set(&b->z, apex, DNS_NS))
		mf_fail("%.*s: no NS record at the zone's apex, %s: expected one at least",
			(int)file.n, (const char *)file.p, dns_name_text(text, apex->name));
	mf_log("zone %s: %u records at %u names", dns_name_text(text, apex->name), zone->records,
		zone->names);
}

void load_zones(struct zones *z)
{
	struct build b;
	struct mf_str name, text;
	size_t i = 0;

	if (!next_file(&i, &name, &text))
		mf_fail("no zone is attached: attach a file whose name ends in .zone, as with "
			"--data "
			"example.test.zone=FILE");
	build_begin(&b, count_lines());
	for (i = 0; next_file(&i, &name, &text);)
		survey(&b, name, text);

	struct zone *zone = (struct zone *)zone_at(&b.z, b.z.first_zone);
	for (i = 0; next_file(&i, &name, &text);) {
		fill(&b, zone, name, text);
		check_zone(&b, zone, name);
		zone = (struct zone *)zone_at(&b.z, zone->next);
	}
	build_finish(&b);
	mf_log("%zu of %zu KiB of init memory used", (b.all - mf_init_left() + 1023) >> 10,
		b.all >> 10);
	*z = b.z;
}
