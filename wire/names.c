/* wire/names.c - see names.h */
#include "wire/names.h"

bool names_is_one(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = mf_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.n > 0 && s.n <= NAMES_MAX;
}

bool names_is_topic(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 127 || s.p[i] == '"' || s.p[i] == '\\' ||
			s.p[i] == '+' || s.p[i] == '#')
			return false;
	return s.n > 0 && s.n <= NAMES_TOPIC_MAX;
}

bool names_next(struct mf_str *list, struct mf_str *name)
{
	size_t n = 0;

	while (list->n > 0 && list->p[0] == ' ')
		*list = mf_str_of(list->p + 1, list->n - 1);
	while (n < list->n && list->p[n] != ' ')
		n++;
	*name = mf_str_of(list->p, n);
	*list = mf_str_of(list->p + n, list->n - n);
	return n > 0;
}

bool names_has(struct mf_str list, struct mf_str name)
{
	struct mf_str each;

	while (names_next(&list, &each))
		if (mf_str_eq(each, name))
			return true;
	return false;
}

size_t names_add(char *to, size_t size, struct mf_str list, struct mf_str name)
{
	size_t n = 0;

	if (list.n + 1 + name.n > size)
		return 0;
	for (size_t i = 0; i < list.n; i++)
		to[n++] = (char)list.p[i];
	if (n > 0)
		to[n++] = ' ';
	for (size_t i = 0; i < name.n; i++)
		to[n++] = (char)name.p[i];
	return n;
}
