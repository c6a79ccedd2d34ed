/* cli/compare.c - see compare.h */
#include "cli/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_json.h"

/* Effects that can't be read are none; that they can't be is in the result. */
static int gather(struct compare_list *list, struct mf_str effects)
{
	struct effects_reader r;
	uint32_t record;

	if (effects.n == 0 || effects_open_either(&r, effects.p, effects.n, &record) != NULL)
		return 0;
	list->at = calloc(r.left + 1, sizeof(*list->at));
	if (list->at == NULL)
		return -ENOMEM;
	while (effects_next(&r, &list->at[list->count]))
		list->count++;
	return 0;
}

static bool same_effect(const struct effect *a, const struct effect *b)
{
	if (a->kind != b->kind || a->flags != b->flags || a->status != b->status ||
		a->value != b->value || a->extra != b->extra)
		return false;
	for (unsigned f = 0; f < MF_FIELDS; f++)
		if (!mf_str_eq(a->field[f], b->field[f]))
			return false;
	return true;
}

static void find_middle(struct compare *c)
{
	const struct compare_list *a = &c->effects_then, *b = &c->effects_now;
	unsigned less = a->count < b->count ? a->count : b->count;

	while (c->front < less && same_effect(&a->at[c->front], &b->at[c->front]))
		c->front++;
	while (c->front + c->back < less &&
		same_effect(&a->at[a->count - 1 - c->back], &b->at[b->count - 1 - c->back]))
		c->back++;
}

int compare_lives(struct compare *compare, struct compare_side then, struct compare_side now)
{
	struct compare *c = compare;

	*c = (struct compare){.then = then, .now = now};
	if (gather(&c->effects_then, then.effects) < 0 || gather(&c->effects_now, now.effects) < 0)
		return -ENOMEM;
	find_middle(c);
	c->same_result = strcmp(then.result, now.result) == 0;
	c->same = c->same_result && c->front == c->effects_then.count &&
		c->front == c->effects_now.count;
	return 0;
}

void compare_free(struct compare *compare)
{
	free(compare->effects_then.at);
	free(compare->effects_now.at);
}

static void print_side(
	FILE *to, const char *sign, const struct compare_list *list, unsigned front, unsigned back)
{
	for (unsigned i = front; i + back < list->count; i++) {
		fprintf(to, "%s ", sign);
		run_print_effect(to, &list->at[i]);
	}
}

void compare_print(FILE *to, const struct compare *c)
{
	if (!c->same_result)
		fprintf(to, "- %s\n+ %s\n", c->then.result, c->now.result);
	print_side(to, "-", &c->effects_then, c->front, c->back);
	print_side(to, "+", &c->effects_now, c->front, c->back);
}

static json_t *side_json(const struct compare_list *list, unsigned front, unsigned back)
{
	json_t *all = json_array();

	for (unsigned i = front; i + back < list->count; i++)
		json_array_append_new(all, run_effect_json(&list->at[i]));
	return all;
}

void compare_json(json_t *to, const struct compare *c)
{
	json_object_set_new(to, "same", json_boolean(c->same));
	json_object_set_new(to, "result", json_string(c->now.result));
	json_object_set_new(to, "result_then", json_string(c->then.result));
	json_object_set_new(to, "removed", side_json(&c->effects_then, c->front, c->back));
	json_object_set_new(to, "added", side_json(&c->effects_now, c->front, c->back));
}
