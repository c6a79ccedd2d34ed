/* cli/market/show.c - see show.h */
#include "cli/market/show.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

const char *show_text(const json_t *object, const char *member)
{
	const json_t *value = json_object_get(object, member);

	return json_is_string(value) ? json_string_value(value) : json_is_null(value) ? "none" : "";
}

const char *show_number(const json_t *object, const char *member, char to[static SHOW_NUMBER])
{
	(void)snprintf(to, SHOW_NUMBER, "%lld",
		(long long)json_integer_value(json_object_get(object, member)));
	return to;
}

void show_members(const json_t *object)
{
	char number[SHOW_NUMBER];
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		const bool is_number = json_is_integer(value);

		printf("%-9s %s\n", name,
			is_number                        ? show_number(object, name, number)
				: json_is_boolean(value) ? json_is_true(value) ? "yes" : "no"
							 : show_text(object, name));
	}
}

void show_entry(const json_t *answer)
{
	char number[SHOW_NUMBER];

	printf("entry %s\n", show_number(answer, "entry", number));
}
