/* wire/npy.c - see npy.h */
#include "wire/npy.h"

#include "base/num.h"
#include "wire/decimal.h"

#define MAGIC "\x93NUMPY"

const char *const npy_descr[NPY_TYPES] = {"<f4", "<f8", "<c8", "<c16", "<i4", "<i8", NULL};

size_t npy_size(enum npy_type type)
{
	static const uint8_t size[NPY_TYPES] = {4, 8, 8, 16, 4, 8, 0};

	return size[type];
}

/* ------------------------------------------------------------ pieces of Python */

/* The dictionary, taken off its beginning piece by piece. */
struct text {
	const uint8_t *p, *end;
};

static void skip_blanks(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\n' || *t->p == '\r'))
		t->p++;
}

/* The character, if it is the next one behind blanks. */
static bool take(struct text *t, uint8_t c)
{
	skip_blanks(t);
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

/* A string without escapes, in quotes of either kind; what stands between them. */
static bool take_string(struct text *t, struct mf_str *value)
{
	const uint8_t *from;
	uint8_t quote;

	skip_blanks(t);
	if (t->p == t->end || (*t->p != '\'' && *t->p != '"'))
		return false;
	quote = *t->p++;
	from = t->p;
	while (t->p < t->end && *t->p != quote && *t->p != '\\' && *t->p != '\n')
		t->p++;
	*value = mf_str_of(from, (size_t)(t->p - from));
	if (t->p == t->end || *t->p != quote)
		return false;
	t->p++;
	return true;
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (mf_lower(c) >= 'a' && mf_lower(c) <= 'z') || c == '_';
}

/* Letters and digits up to anything else. */
static struct mf_str take_word(struct text *t)
{
	const uint8_t *from;

	skip_blanks(t);
	from = t->p;
	while (t->p < t->end && is_word(*t->p))
		t->p++;
	return mf_str_of(from, (size_t)(t->p - from));
}

/* --------------------------------------------------------------- the three keys */

/* A list is a dtype of several fields: nobody here serves it, but it is well formed. Its brackets are
 * counted, strings in it are passed over. */
static bool take_list(struct text *t, struct mf_str *value)
{
	const uint8_t *from;
	struct mf_str string;
	unsigned depth = 0;

	skip_blanks(t);
	from = t->p;
	do {
		if (t->p == t->end)
			return false;
		if (*t->p == '\'' || *t->p == '"') {
			if (!take_string(t, &string))
				return false;
			continue;
		}
		depth += *t->p == '[' || *t->p == '(';
		depth -= *t->p == ']' || *t->p == ')';
		t->p++;
	} while (depth > 0);
	*value = mf_str_of(from, (size_t)(t->p - from));
	return true;
}

static const char *read_descr(struct text *t, struct npy *to)
{
	skip_blanks(t);
	to->type = NPY_OTHER;
	if (t->p < t->end && *t->p == '[')
		return take_list(t, &to->descr) ? NULL : "the dtype doesn't end";
	if (!take_string(t, &to->descr))
		return "'descr' is neither a string nor a list";
	for (unsigned i = 0; i < NPY_OTHER; i++)
		if (mf_str_is(to->descr, npy_descr[i]))
			to->type = i;
	return NULL;
}

static const char *read_order(struct text *t, struct npy *to)
{
	struct mf_str word = take_word(t);

	to->fortran = mf_str_is(word, "True");
	return to->fortran || mf_str_is(word, "False")
		? NULL
		: "'fortran_order' is neither True nor False";
}

/* A number as Python 3 writes it, or Python 2 with an L. */
static const char *read_extent(struct text *t, uint64_t *value)
{
	struct mf_str word = take_word(t);

	if (word.n > 1 && word.p[word.n - 1] == 'L')
		word.n--;
	if (word.n == 0 || (word.n > 1 && word.p[0] == '0'))
		return "'shape' holds something else than numbers from 0 on";
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] < '0' || word.p[i] > '9')
			return "'shape' holds something else than numbers from 0 on";
	return num_parse(word, value) && *value <= INT64_MAX
		? NULL
		: "'shape' holds a number above 2^63 - 1";
}

static const char *read_shape(struct text *t, struct npy *to)
{
	const char *wrong;
	bool comma = true;

	if (!take(t, '('))
		return "'shape' is not a tuple";
	for (to->dims = 0; !take(t, ')'); to->dims++) {
		if (!comma)
			return "a comma is missing in 'shape'";
		if (to->dims == NPY_DIMS)
			return "'shape' has more than 4 dimensions";
		wrong = read_extent(t, &to->shape[to->dims]);
		if (wrong)
			return wrong;
		comma = take(t, ',');
	}
	/* (3) is a number, (3,) a tuple */
	return to->dims == 1 && !comma ? "'shape' is not a tuple" : NULL;
}

/* -------------------------------------------------------------------- the header */

static const struct {
	const char *name;
	const char *(*read)(struct text *t, struct npy *to);
} keys[] = {{"descr", read_descr}, {"fortran_order", read_order}, {"shape", read_shape}};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* Which of the keys; KEYS: none of them. */
static size_t take_key(struct text *t)
{
	struct mf_str name;
	size_t i = 0;

	if (!take_string(t, &name))
		return KEYS;
	while (i < KEYS && !mf_str_is(name, keys[i].name))
		i++;
	return i;
}

static const char *read_dictionary(struct text *t, struct npy *to)
{
	unsigned seen = 0;
	bool comma = true;

	if (!take(t, '{'))
		return "the header is not a dictionary";
	while (!take(t, '}')) {
		size_t key = comma ? take_key(t) : KEYS;
		const char *wrong;

		if (key == KEYS || !take(t, ':'))
			return "the header has something else than 'descr', 'fortran_order' and "
			       "'shape'";
		if (seen & 1u << key)
			return "the header has a key twice";
		seen |= 1u << key;
		wrong = keys[key].read(t, to);
		if (wrong)
			return wrong;
		comma = take(t, ',');
	}
	skip_blanks(t);
	if (t->p != t->end)
		return "something stands behind the header's dictionary";
	return seen == (1u << KEYS) - 1 ? NULL
					: "the header lacks 'descr', 'fortran_order' or 'shape'";
}

/* How many elements and bytes; false: more than can be counted. A 0 makes nothing of all the others. */
static bool measure(struct npy *to)
{
	to->elements = 1;
	for (unsigned i = 0; i < to->dims; i++)
		if (to->shape[i] == 0)
			to->elements = 0;
	for (unsigned i = 0; i < to->dims && to->elements > 0; i++)
		if (__builtin_mul_overflow(to->elements, to->shape[i], &to->elements))
			return false;
	return !__builtin_mul_overflow(to->elements, npy_size(to->type), &to->bytes) &&
		to->bytes <= INT64_MAX;
}

/* Where the dictionary begins and how long it is (numpy.lib.format, "Format Version 1.0" and "2.0"). */
static const char *frame(struct mf_str bytes, struct text *t)
{
	size_t at = sizeof(MAGIC) - 1 + 2, size;
	uint8_t major;

	if (bytes.n < at || !mf_str_eq(mf_str_of(bytes.p, sizeof(MAGIC) - 1), MF_STR(MAGIC)))
		return "it does not begin as .npy files do";
	major = bytes.p[6];
	if (major < 1 || major > 3 || bytes.p[7] != 0)
		return "its version is not 1.0, 2.0 or 3.0";
	if (bytes.n - at < (major == 1 ? 2u : 4u))
		return "it ends in the header";
	size = (size_t)(bytes.p[8] | bytes.p[9] << 8);
	at += 2;
	if (major > 1) {
		size |= (size_t)bytes.p[10] << 16 | (size_t)bytes.p[11] << 24;
		at += 2;
	}
	if (size > NPY_HEADER_MOST)
		return "its header has more than 10000 bytes";
	if (size > bytes.n - at)
		return "it ends in the header";
	*t = (struct text){bytes.p + at, bytes.p + at + size};
	return NULL;
}

const char *npy_read(struct mf_str bytes, struct npy *to)
{
	struct text t;
	const char *wrong = frame(bytes, &t);

	if (wrong)
		return wrong;
	*to = (struct npy){.header = (size_t)(t.end - bytes.p)};
	wrong = read_dictionary(&t, to);
	if (wrong)
		return wrong;
	return measure(to) ? NULL : "its size is more than can be counted";
}

const char *npy_next(struct mf_str *bytes, struct npy *to, const uint8_t **elements)
{
	const char *wrong = npy_read(*bytes, to);
	size_t left;

	if (wrong)
		return wrong;
	left = bytes->n - to->header;
	if (to->bytes > left)
		return "it ends before its elements do";
	*elements = bytes->p + to->header;
	*bytes = mf_str_of(*elements + to->bytes, left - (size_t)to->bytes);
	return NULL;
}

/* ----------------------------------------------------------------------- writing */

static uint8_t *put(uint8_t *to, const char *text)
{
	while (*text)
		*to++ = (uint8_t)*text++;
	return to;
}

static uint8_t *put_extent(uint8_t *to, uint64_t value)
{
	char text[DECIMAL_TEXT];
	unsigned n = decimal_write((int64_t)value, 0, text);

	for (unsigned i = 0; i < n; i++)
		*to++ = (uint8_t)text[i];
	return to;
}

/* At most 10 + 15 + 46 + 2 * 20 + 5 bytes, and a line's end. */
void npy_write(enum npy_type type, bool fortran, unsigned dims, const uint64_t *shape,
	uint8_t to[static NPY_WRITTEN])
{
	uint8_t *p = put(to, MAGIC "\x01");

	*p++ = 0;
	*p++ = NPY_WRITTEN - 10;
	*p++ = 0;
	p = put(put(put(p, "{'descr': '"), npy_descr[type]), "', 'fortran_order': ");
	p = put(put(p, fortran ? "True" : "False"), ", 'shape': (");
	for (unsigned i = 0; i < dims; i++) {
		p = put_extent(p, shape[i]);
		p = put(p, i + 1 < dims ? ", " : dims == 1 ? "," : "");
	}
	p = put(p, "), }");
	while (p < to + NPY_WRITTEN - 1)
		*p++ = ' ';
	*p = '\n';
}
