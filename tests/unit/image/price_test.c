/* tests/unit/image/price_test.c - formulas: what they come to, and what is said of those that aren't any */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "image/price.h"

static char error[PRICE_ERROR_MAX];

/* a: 3 by 5, c16; b: a vector of 7, f4 */
static struct price_input input(const char *query)
{
	return (struct price_input){
		.array = {{.rows = 3,
				  .cols = 5,
				  .size = 15,
				  .dims = 2,
				  .itemsize = 16,
				  .is_complex = true},
			{.rows = 7, .cols = 1, .size = 7, .dims = 1, .itemsize = 4}},
		.arrays = 2,
		.body_bytes = 1000,
		.query = mf_str_of(query, strlen(query)),
	};
}

static struct price_formula *compiled(const char *text)
{
	struct price_formula *f;

	if (price_compile(&f, text, error) != 0)
		fail_msg("%s", error);
	return f;
}

static uint64_t units_of(const char *text, const char *query)
{
	struct price_formula *f = compiled(text);
	struct price_input in = input(query);
	uint64_t units = 0;

	if (!price_units(f, &in, &units, error))
		fail_msg("%s: %s", text, error);
	assert_string_equal(price_text(f), text);
	price_free(f);
	return units;
}

static void test_values(void **state)
{
	static const struct {
		const char *text;
		uint64_t units;
	} table[] = {
		{"0", 0},
		{"9223372036854775807", INT64_MAX},
		{"1 + 2*3", 7},
		{"(1 + 2)*3", 9},
		{"10 - 3 - 2", 5},
		{"2^3^2", 512},
		{"2*3^2", 18},
		{"0^0", 1},
		{"0^9", 0},
		{"1^18446744073709551615", 1},
		{"7/a.cols", 2},
		{"10/a.cols", 2},
		{"100/a.rows/a.cols", 7}, /* 34 / 5 */
		{"(18446744073709551615 + 0)/2 - 1", INT64_MAX},
		{"min(4, a.rows, 9)", 3},
		{"max(a.rows, a.cols)", 5},
		{"log2(1)", 0},
		{"log2(5)", 3},
		{"log2(8)", 3},
		{"log2(9223372036854775808)", 63},
		{"log2(9223372036854775809)", 64},
		{"a.size + b.size", 22},
		{"b.cols", 1},
		{"a.dims*10 + b.dims", 21},
		{"a.itemsize*100 + b.itemsize", 1604},
		{"a.complex ? 8 : 2", 8},
		{"b.complex ? 8 : 2", 2},
		{"body.bytes/3", 334},
		{"1 == 1", 1},
		{"1 != 1", 0},
		{"1 < 2", 1},
		{"2 <= 1", 0},
		{"2 > 1", 1},
		{"1 >= 2", 0},
		{"0 ? 1 : 0 ? 2 : 3", 3},
		{"1 ? 1 : c.rows", 1}, /* what isn't needed isn't looked at */
		{"2*m*k where m = a.rows, k = m + 1", 24},
		{"k where m = c.rows, k = 4", 4},
		{"\n 2 *\t3 ", 6},
		{"given(a.rows) + given(b.rows)*2 + given(c.rows)*4", 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (units_of(table[i].text, "") != table[i].units)
			fail_msg("%s: %llu", table[i].text,
				(unsigned long long)units_of(table[i].text, ""));
}

static void test_query(void **state)
{
	static const struct {
		const char *text, *query;
		uint64_t units;
	} table[] = {
		{"query.n", "n=12", 12},
		{"query.n", "m=1&n=12&nn=3", 12},
		{"query.n", "n=%31%32", 12},
		{"query.n is t|c", "n=t", 1},
		{"query.n is t|c", "n=C", 1},
		{"query.n is t | c ? 5 : 6", "n=%63", 5},
		{"query.n is t|c", "n=n", 0},
		{"query.n is t|c", "n=tt", 0},
		{"query.n is t|c", "n=", 0},
		{"query.n is t|c", "n", 0},
		{"query.n is t|c", "", 0},
		{"query.n is t|c", "m=t", 0},
		{"query.n is a-b.c", "n=a-B.c", 1},
		{"given(query.n) ? query.n : 10", "", 10},
		{"given(query.n) ? query.n : 10", "n=3", 3},
		{"(query.x is a) + (query.y is b)", "x=a&y=b", 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (units_of(table[i].text, table[i].query) != table[i].units)
			fail_msg("%s of %s: %llu", table[i].text, table[i].query,
				(unsigned long long)units_of(table[i].text, table[i].query));
}

static void test_arrays(void **state)
{
	struct price_formula *f = compiled("1 ? body.bytes : c.rows");

	(void)state;
	assert_int_equal(price_arrays(f), 3);
	price_free(f);
	f = compiled("body.bytes + query.a");
	assert_int_equal(price_arrays(f), 0);
	price_free(f);
}

static void test_no_number(void **state)
{
	static const struct {
		const char *text, *query, *words;
	} table[] = {
		{"a.rows^41", "", "a.rows^41 is larger than 18446744073709551615: of 3 and 41"},
		{"1 + 4294967296*4294967296 - 1", "",
			"4294967296*4294967296 is larger than 18446744073709551615: of 4294967296 "
			"and "
			"4294967296, in '1 + 4294967296*4294967296 - 1'"},
		{"18446744073709551615 + b.cols", "",
			"18446744073709551615 + b.cols is larger than"},
		{"a.rows - a.cols", "", "a.rows - a.cols is below 0: of 3 and 5"},
		{"7/(a.rows - 3)", "", "7/(a.rows - 3) is divided by 0: of 7 and 0"},
		{"log2(a.rows - 3)", "", "log2(a.rows - 3) is of 0"},
		{"9223372036854775808", "", "is 9223372036854775808, which is larger than 2^63-1"},
		{"2*c.rows", "", "c.rows counts for the price, and there is no array c: 2 came"},
		{"query.n", "", "query.n counts for the price, and is missing"},
		{"query.n", "n=", "query.n counts for the price, and is no whole number"},
		{"query.n", "n=-1", "no whole number"},
		{"query.n", "n=1.5", "no whole number"},
		{"query.n", "n=18446744073709551616", "no whole number that fits 64 bits"},
		{"query.n", "n=1&n=1", "query.n counts for the price, and stands there twice"},
		{"query.n is t", "n=n&n=t", "stands there twice"},
		{"query.n", "n=%3", "not well escaped"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct price_formula *f = compiled(table[i].text);
		struct price_input in = input(table[i].query);
		uint64_t units = 77;

		assert_false(price_units(f, &in, &units, error));
		if (!strstr(error, table[i].words))
			fail_msg("%s of %s: %s", table[i].text, table[i].query, error);
		assert_int_equal(units, 77);
		price_free(f);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} table[] = {
		{"", "'', character 1: it ends where a number or a name should be"},
		{"2*", "'2*', character 3: it ends where"},
		{"2 3", "'2 3', character 3: this doesn't belong here"},
		{"-2", "'-2', character 1: a number or a name should be here"},
		{"1.5", "character 1: numbers are whole"},
		{"2n", "character 1: numbers are whole, and nothing stands behind their digits"},
		{"18446744073709551616", "this number is larger than 18446744073709551615"},
		{"2*a.row", "character 3: there is no 'a.row'; did you mean 'a.rows'?"},
		{"d.colums", "did you mean 'd.cols'?"},
		{"body.byte", "did you mean 'body.bytes'?"},
		{"flops", "there is no 'flops', but a.rows, .cols, .size"},
		{"i.rows", "did you mean 'a.rows'?"},
		{"query.", "a name is missing behind 'query.'"},
		{"query.a is", "character 11: a word is missing"},
		{"query.a is t|", "a word is missing"},
		{"(1", "character 3: ')' is missing"},
		{"1 ? 2", "':' is missing"},
		{"min(1)", "min needs two values or more"},
		{"log2(1, 2)", "')' is missing"},
		{"min", "'(' is missing"},
		{"given(1)", "given() is of an array's value or the query's"},
		{"given(query.a is b)", "given() is of"},
		{"2/3*a.rows",
			"character 1: 2/3 is rounded up to a whole number: divide at the end"},
		{"a.rows/0", "character 8: nothing can be divided by 0"},
		{"1 < 2 < 3", "character 7: this doesn't belong here"},
		{"n where", "a name is missing: ... where n = a.rows"},
		{"n where n", "'=' is missing"},
		{"n where n = 1,", "a name is missing"},
		{"n where n = 1, n = 2", "character 16: this name is defined twice"},
		{"n where n = n", "character 13: 'n' is defined by itself, or further behind"},
		{"n where n = m, m = 1", "'m' is defined by itself, or further behind"},
		{"n where m = 1", "there is no 'n'"},
		{"1 where min = 1", "this word has a meaning already"},
		{"1 where is = 1", "this word has a meaning already"},
		{"1 where a = 1, b = 1, c = 1, d = 1, e = 1, f = 1, g = 1, h = 1, i = 1, j = 1, "
		 "k = 1, l = 1, m = 1",
			"more than 12 names are defined"},
		{"((((((((((((((((1))))))))))))))))", "it is nested deeper than 16"},
		{"1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+"
		 "1+1"
		 "+1+1+1+1+1+1+1",
			"it has more than 96 numbers, names and operations"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct price_formula *f;

		assert_int_equal(price_compile(&f, table[i].text, error), -EINVAL);
		assert_null(f);
		if (!strstr(error, table[i].words))
			fail_msg("%s: %s", table[i].text, error);
	}
}

static void test_bounds(void **state)
{
	char text[PRICE_TEXT_MAX + 2];
	struct price_formula *f;

	(void)state;
	memset(text, ' ', sizeof(text));
	text[PRICE_TEXT_MAX - 1] = '4';
	text[PRICE_TEXT_MAX] = '\0';
	assert_int_equal(units_of(text, ""), 4);
	text[PRICE_TEXT_MAX] = ' ';
	text[PRICE_TEXT_MAX + 1] = '\0';
	assert_int_equal(price_compile(&f, text, error), -EINVAL);
	assert_non_null(strstr(error, "is longer than 255 characters"));
	price_free(NULL);
	/* twelve definitions, each twice the one before: each is computed once */
	assert_int_equal(units_of("l where a = 1, b = a+a, c = b+b, d = c+c, e = d+d, f = e+e, "
				  "g = f+f, h = g+g, i = h+h, j = i+i, k = j+j, l = k+k",
				 ""),
		2048);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_no_number),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
