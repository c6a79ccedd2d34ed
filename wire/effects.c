/*
 * wire/effects.c - see effects.h. What a kind of effect may carry stands in one
 * table, the same as in abi/guest.h; everything else is checked alike for all.
 */
#include "wire/effects.h"

#include "abi/image.h"
#include "base/num.h"

const char *const effect_names[MF_EFFECT_KINDS] = {
	[0] = "nothing",
	[MF_EFFECT_REPLY] = "reply",
	[MF_EFFECT_EMIT] = "emit",
	[MF_EFFECT_PUT] = "put",
	[MF_EFFECT_DELETE] = "delete",
	[MF_EFFECT_SCHEDULE] = "schedule",
	[MF_EFFECT_METER] = "meter",
	[MF_EFFECT_UPSTREAM] = "upstream",
	[MF_EFFECT_LOG] = "log",
	[MF_EFFECT_CALL] = "call",
};

#define NAME (1u << MF_FIELD_NAME) /* a kind that has a name must have one */
#define TYPE (1u << MF_FIELD_TYPE)
#define META (1u << MF_FIELD_META)
#define BODY (1u << MF_FIELD_BODY)

static const struct rule {
	uint16_t fields;
	uint16_t flags;       /* that it may have */
	uint16_t value_flags; /* it has a value if one of these is set ... */
	uint16_t value;       /* ... or always */
	uint32_t status_min, status_max;
} rules[MF_EFFECT_KINDS] = {
	[MF_EFFECT_REPLY] = {TYPE | META | BODY, MF_EFFECT_BLOB, MF_EFFECT_BLOB, 0, 200, 599},
	[MF_EFFECT_EMIT] = {NAME | TYPE | BODY, MF_EFFECT_RETAIN, 0, 0, 0, 2},
	[MF_EFFECT_PUT] = {NAME | BODY, MF_EFFECT_IF_VERSION, MF_EFFECT_IF_VERSION, 0, 0, 0},
	[MF_EFFECT_DELETE] = {NAME, MF_EFFECT_IF_VERSION, MF_EFFECT_IF_VERSION, 0, 0, 0},
	[MF_EFFECT_SCHEDULE] = {NAME | TYPE | BODY, 0, 0, 1, 0, 0},
	[MF_EFFECT_METER] = {NAME, 0, 0, 1, 0, 0},
	[MF_EFFECT_UPSTREAM] = {NAME | TYPE | BODY, 0, 0, 0, 0, UINT32_MAX},
	[MF_EFFECT_LOG] = {BODY, 0, 0, 0, 0, MF_LEVEL_ERROR},
	[MF_EFFECT_CALL] = {NAME | TYPE | META | BODY, 0, 0, 1, 0, 0},
};

/* Names, types and paths end up in log lines, topics and headers: no control bytes. */
static bool is_text(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

/* A byte of a header's name (RFC 9110, token). */
static bool is_token(uint8_t c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	if ((c >= '0' && c <= '9') || (mf_lower(c) >= 'a' && mf_lower(c) <= 'z'))
		return true;
	for (size_t i = 0; i < sizeof(others) - 1; i++)
		if (c == (uint8_t)others[i])
			return true;
	return false;
}

/* How long the "Name: value\r\n" at the start of s is, and its name; 0 if there is none. */
static size_t header_line(struct mf_str s, struct mf_str *name)
{
	size_t i = 0;

	while (i < s.n && is_token(s.p[i]))
		i++;
	*name = mf_str_of(s.p, i);
	if (i == 0 || s.n - i < 4 || s.p[i] != ':' || s.p[i + 1] != ' ')
		return 0;
	for (i += 2; i < s.n && (s.p[i] >= 0x20 || s.p[i] == '\t') && s.p[i] != 0x7f; i++)
		;
	return s.n - i >= 2 && s.p[i] == '\r' && s.p[i + 1] == '\n' ? i + 2 : 0;
}

/* Header lines that frame an answer, or that say what its other members say. */
static const char *const reserved[] = {"connection", "content-length", "content-type", "date",
	"idempotency-replayed", "keep-alive", "mayfly-event", "proxy-connection", "te", "trailer",
	"transfer-encoding", "upgrade"};

static bool is_reserved(struct mf_str name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
		size_t n = 0;

		while (n < name.n && reserved[i][n] &&
			mf_lower(name.p[n]) == (uint8_t)reserved[i][n])
			n++;
		if (n == name.n && reserved[i][n] == '\0')
			return true;
	}
	return false;
}

/* The first line of s, as far as it can be told. */
static struct mf_str first_line(struct mf_str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '\n')
		n++;
	if (n > 0 && n < s.n && s.p[n - 1] == '\r')
		n--;
	return mf_str_of(s.p, n);
}

/* NULL, or what is wrong with *line. */
static const char *check_headers(struct mf_str s, struct mf_str *line)
{
	struct mf_str name;

	while (s.n > 0) {
		size_t n = header_line(s, &name);

		*line = first_line(s);
		if (n == 0)
			return "a reply with a malformed header";
		if (is_reserved(name))
			return "a reply with a header that the hub writes";
		s = mf_str_of(s.p + n, s.n - n);
	}
	*line = mf_str_of(NULL, 0);
	return NULL;
}

/* RFC 9110, 15.3.5, 15.3.6, 15.4.5 */
static bool has_no_body(uint32_t status)
{
	return status == 204 || status == 205 || status == 304;
}

/* What only replies have. */
static const char *check_reply(const struct effect *e, struct mf_str *line)
{
	const bool blob = (e->flags & MF_EFFECT_BLOB) != 0;

	if (has_no_body(e->status) && (e->field[MF_FIELD_BODY].n > 0 || (blob && e->value > 0)))
		return "a reply with a body and status 204, 205 or 304, which have none";
	if (blob && e->field[MF_FIELD_BODY].n > 0)
		return "a reply with both a blob and a body";
	return check_headers(e->field[MF_FIELD_META], line);
}

/* Reads the record at `at`, of which only the place is known. Returns its size, or 0 with *wrong
 * saying why not. */
static size_t read_record(
	const uint8_t *bytes, size_t size, size_t at, struct effect *out, const char **wrong)
{
	struct mf_effect head;
	uint64_t end = at + sizeof(head);

	*wrong = "an effect that reaches beyond the bytes used";
	if (!num_fits(at, sizeof(head), size))
		return 0;
	__builtin_memcpy(&head, bytes + at, sizeof(head));
	if (!num_fits(at, head.size, size))
		return 0;
	*wrong = "an effect whose size is not that of its fields";
	out->kind = (enum mf_effect_kind)head.kind;
	out->flags = head.flags;
	out->status = head.status;
	out->value = head.value;
	out->extra = head.extra;
	for (unsigned f = 0; f < MF_FIELDS; f++) {
		if (!num_fits(end, head.len[f], at + head.size))
			return 0;
		out->field[f] = mf_str_of(bytes + end, head.len[f]);
		end += head.len[f];
	}
	if (num_align(end - at, 8) != head.size)
		return 0;
	*wrong = "an effect with stray bytes";
	for (; end < at + head.size; end++)
		if (bytes[end] != 0)
			return 0;
	return head.reserved == 0 ? head.size : 0;
}

/* Does an effect hold what its kind may hold? NULL, or what is wrong. */
static const char *check_kind(const struct effect *e, uint32_t grants)
{
	const struct rule *rule;

	if (e->kind == 0 || e->kind >= MF_EFFECT_KINDS)
		return "an effect of unknown kind";
	rule = &rules[e->kind];
	if (e->kind != MF_EFFECT_LOG && !(grants & MFI_GRANT(e->kind)))
		return "an effect that the image's manifest does not grant";
	if (e->flags & ~rule->flags)
		return "an effect with a flag that its kind doesn't have";
	if (e->status < rule->status_min || e->status > rule->status_max)
		return "an effect with a status, level or quality that its kind doesn't have";
	if (e->extra != 0 || (e->value != 0 && !rule->value && !(e->flags & rule->value_flags)))
		return "an effect with a value that its kind doesn't have";
	for (unsigned f = 0; f < MF_FIELDS; f++)
		if (e->field[f].n > 0 && !(rule->fields & (1u << f)))
			return "an effect with a field that its kind doesn't have";
	if ((rule->fields & NAME) && e->field[MF_FIELD_NAME].n == 0)
		return "an effect without a name";
	return NULL;
}

static const char *check_text(const struct effect *e)
{
	if (!is_text(e->field[MF_FIELD_NAME]) || !is_text(e->field[MF_FIELD_TYPE]))
		return "an effect with control characters in its name or content type";
	if (e->field[MF_FIELD_TYPE].n > EFFECTS_TYPE_MOST)
		return "an effect with a content type of more than 255 bytes";
	if (e->kind == MF_EFFECT_CALL && !is_text(e->field[MF_FIELD_META]))
		return "a call with control characters in its path";
	return NULL;
}

static const char *check_head(struct effects_reader *r, const void *bytes, size_t size)
{
	struct mf_effects head;

	if (size < sizeof(head))
		return "effects shorter than their head";
	__builtin_memcpy(&head, bytes, sizeof(head));
	if (head.bytes < sizeof(head) || head.bytes > size || head.bytes % 8 != 0)
		return "effects whose head lies about their size";
	if (head.outcome > MF_OUTCOME_MEMORY || head.reserved != 0)
		return "effects with an unknown outcome";
	*r = (struct effects_reader){
		.bytes = bytes,
		.size = head.bytes,
		.at = sizeof(head),
		.left = head.count,
		.outcome = (enum mf_outcome)head.outcome,
	};
	return NULL;
}

static const char *check_records(struct effects_reader *r, uint32_t grants, uint32_t *record)
{
	const char *wrong;
	bool replied = false;
	size_t at = r->at;

	for (; *record < r->left; (*record)++) {
		struct effect e;
		size_t n = read_record(r->bytes, r->size, at, &e, &wrong);

		if (n == 0)
			return wrong;
		wrong = check_kind(&e, grants);
		if (wrong == NULL)
			wrong = check_text(&e);
		if (wrong == NULL && e.kind == MF_EFFECT_REPLY)
			wrong = check_reply(&e, &r->line);
		if (wrong != NULL)
			return wrong;
		if (e.kind == MF_EFFECT_REPLY && replied)
			return "a second reply";
		replied |= e.kind == MF_EFFECT_REPLY;
		at += n;
	}
	return at == r->size ? NULL : "effects whose head lies about their number";
}

static const char *open_whether(struct effects_reader *r, const void *bytes, size_t size,
	uint32_t grants, bool ended, uint32_t *record)
{
	const char *wrong = check_head(r, bytes, size);

	*record = 0;
	r->line = mf_str_of(NULL, 0);
	if (wrong != NULL)
		return wrong;
	if (ended && r->outcome == MF_OUTCOME_NONE)
		return "effects of a life that did not end";
	return check_records(r, grants, record);
}

const char *effects_open(
	struct effects_reader *r, const void *bytes, size_t size, uint32_t grants, uint32_t *record)
{
	return open_whether(r, bytes, size, grants, true, record);
}

const char *effects_open_call(struct effects_reader *r, const void *bytes, size_t size,
	uint32_t *record, struct effect *call)
{
	const char *wrong = open_whether(r, bytes, size, ~0u, false, record);
	struct effects_reader all;

	call->kind = 0;
	if (wrong != NULL)
		return wrong;
	all = *r;
	while (effects_next(&all, call))
		;
	return call->kind == MF_EFFECT_CALL ? NULL : "a life that stands still without a call";
}

const char *effects_open_either(
	struct effects_reader *r, const void *bytes, size_t size, uint32_t *record)
{
	const char *wrong = open_whether(r, bytes, size, ~0u, false, record);
	struct effect call;

	if (wrong != NULL || r->outcome != MF_OUTCOME_NONE)
		return wrong;
	return effects_open_call(r, bytes, size, record, &call);
}

int effects_next(struct effects_reader *r, struct effect *effect)
{
	const char *wrong;
	size_t n;

	if (r->left == 0)
		return 0;
	n = read_record(r->bytes, r->size, r->at, effect, &wrong);
	if (n == 0)
		return 0;
	r->at += n;
	r->left--;
	return 1;
}

const char *effects_headers(struct mf_str lines)
{
	struct mf_str line;

	return check_headers(lines, &line);
}
