/* client/blas/check: honest answers pass, whatever way they were rounded; wrong ones don't */
#include "client/blas/check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 24 }; /* a wrong answer slips by once in 16 million times */

static double number(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double)(state >> 11) * 0x1p-53;
}

static double *d(const struct matrix *m)
{
	return m->data;
}

static float *s(const struct matrix *m)
{
	return m->data;
}

enum data { SIGNED, POSITIVE, EQUAL };

static struct matrix filled(char type, int64_t rows, int64_t cols, enum data data)
{
	struct matrix m = matrix_new(type, rows, cols);

	for (int64_t i = 0; i < rows * cols * (type_is_complex(type) ? 2 : 1); i++) {
		double v = data == SIGNED ? number() - 0.5 : data == POSITIVE ? number() : 1.1;

		if (type_roundoff(type) > 1e-10)
			s(&m)[i] = (float)v;
		else
			d(&m)[i] = v;
	}
	return m;
}

/* One after the other, in the type's own precision: the longest chain of roundings that there is. */
static struct matrix product(const struct matrix *a, const struct matrix *b)
{
	struct matrix p = matrix_new(a->type, a->rows, b->cols);

	for (int64_t j = 0; j < p.cols; j++)
		for (int64_t i = 0; i < p.rows; i++) {
			float single = 0;
			double twice = 0;
			double complex both = 0;

			for (int64_t l = 0; l < a->cols; l++)
				if (a->type == 's')
					single += s(a)[i + l * a->ld] * s(b)[l + j * b->ld];
				else if (a->type == 'd')
					twice += d(a)[i + l * a->ld] * d(b)[l + j * b->ld];
				else
					both += ((double complex *)a->data)[i + l * a->ld] *
						((double complex *)b->data)[l + j * b->ld];
			if (a->type == 's')
				s(&p)[i + j * p.ld] = single;
			else if (a->type == 'd')
				d(&p)[i + j * p.ld] = twice;
			else
				((double complex *)p.data)[i + j * p.ld] = both;
		}
	return p;
}

static enum verdict look(
	struct matrix p, struct matrix a, struct matrix b, double complex alpha, double tolerance)
{
	struct check check = {.rounds = ROUNDS, .tolerance = tolerance};
	struct side given = {1, 1, {{.m = p, .trans = 'N'}}};
	struct side factors = {alpha, 2, {{.m = a, .trans = 'N'}, {.m = b, .trans = 'N'}}};

	return check_equal(&check, &given, &factors, a.cols, 0);
}

static void release(struct matrix a, struct matrix b, struct matrix p)
{
	free(a.data);
	free(b.data);
	free(p.data);
}

static void rounding_is_no_mistake(void **state)
{
	static const int64_t shapes[][3] = {
		{1, 1, 1}, {7, 3, 5}, {30, 20, 700}, {64, 64, 64}, {1, 60, 2000}};

	(void)state;
	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (const char *type = "sdz"; *type != '\0'; type++)
			for (enum data data = SIGNED; data <= EQUAL; data++) {
				struct matrix a = filled(*type, shapes[i][0], shapes[i][2], data);
				struct matrix b = filled(*type, shapes[i][2], shapes[i][1], data);
				struct matrix p = product(&a, &b);

				assert_int_equal(look(p, a, b, 1, 0), CHECK_RIGHT);
				release(a, b, p);
			}
}

static void one_wrong_element_is_seen(void **state)
{
	(void)state;
	for (int way = 0; way < 5; way++) {
		struct matrix a = filled('d', 50, 40, SIGNED), b = filled('d', 40, 30, SIGNED);
		struct matrix p = product(&a, &b);
		double *e = &d(&p)[17 + 11 * p.ld];

		switch (way) {
		case 0: *e = -*e; break;
		case 1: *e += 1e-10; break;
		case 2: *e = NAN; break;
		case 3: *e = INFINITY; break;
		default:
			d(&p)[3 + 4 * p.ld] += 1;
			d(&p)[3 + 5 * p.ld] -= 1; /* a sum alone sees nothing */
		}
		assert_int_equal(look(p, a, b, 1, 0), CHECK_WRONG);
		release(a, b, p);
	}
}

static void other_products_are_seen(void **state)
{
	struct matrix a = filled('s', 40, 40, SIGNED), b = filled('s', 40, 40, SIGNED);
	struct matrix p = product(&b, &a);

	(void)state;
	assert_int_equal(look(p, a, b, 1, 0), CHECK_WRONG);
	assert_int_equal(look(p, b, a, 1, 0), CHECK_RIGHT);
	assert_int_equal(look(p, b, a, 2, 0), CHECK_WRONG); /* alpha was forgotten */
	release(a, b, p);
}

/* One that is tiny against its matrix: what rounding could have done isn't called wrong. */
static void too_little_to_tell(void **state)
{
	struct matrix a = filled('d', 64, 64, POSITIVE), b = filled('d', 64, 64, POSITIVE);
	struct matrix p = product(&a, &b);

	(void)state;
	d(&p)[0] *= 1 + 4 * 0x1p-53;
	assert_int_equal(look(p, a, b, 1, 0), CHECK_RIGHT);
	d(&p)[0] *= 1 + 1e-6;
	assert_int_equal(look(p, a, b, 1, 0), CHECK_WRONG);
	assert_int_equal(look(p, a, b, 1, 1e-5), CHECK_RIGHT); /* but the user allows it */
	release(a, b, p);
}

/* ---- Strassen's products, two levels (V. Strassen, 1969): seven halves instead of eight */

static struct matrix part(const struct matrix *m, int i, int j)
{
	struct matrix p = *m;

	p.rows /= 2;
	p.cols /= 2;
	p.data = d(m) + i * p.rows + j * p.cols * m->ld;
	return p;
}

static struct matrix sum(struct matrix a, struct matrix b, double sign)
{
	struct matrix c = matrix_new('d', a.rows, a.cols);

	for (int64_t j = 0; j < a.cols; j++)
		for (int64_t i = 0; i < a.rows; i++)
			d(&c)[i + j * c.ld] = d(&a)[i + j * a.ld] + sign * d(&b)[i + j * b.ld];
	return c;
}

static struct matrix strassen(const struct matrix *a, const struct matrix *b, int levels);

static void add(struct matrix *to, const struct matrix *m, int i, int j, double sign)
{
	struct matrix p = part(to, i, j);

	for (int64_t c = 0; c < p.cols; c++)
		for (int64_t r = 0; r < p.rows; r++)
			d(&p)[r + c * p.ld] += sign * d(m)[r + c * m->ld];
}

static struct matrix strassen(const struct matrix *a, const struct matrix *b, int levels)
{
	/* of both operands: first part, second part or -1, sign; where the product goes, with which sign */
	static const struct {
		int a1[2], a2[2], asign, b1[2], b2[2], bsign, to[4];
	} products[7] = {
		{{0, 0}, {1, 1}, 1, {0, 0}, {1, 1}, 1, {1, 0, 0, 1}},
		{{1, 0}, {1, 1}, 1, {0, 0}, {-1}, 0, {0, 0, 1, -1}},
		{{0, 0}, {-1}, 0, {0, 1}, {1, 1}, -1, {0, 1, 0, 1}},
		{{1, 1}, {-1}, 0, {1, 0}, {0, 0}, -1, {1, 0, 1, 0}},
		{{0, 0}, {0, 1}, 1, {1, 1}, {-1}, 0, {-1, 1, 0, 0}},
		{{1, 0}, {0, 0}, -1, {0, 0}, {0, 1}, 1, {0, 0, 0, 1}},
		{{0, 1}, {1, 1}, -1, {1, 0}, {1, 1}, 1, {1, 0, 0, 0}},
	};
	struct matrix c;

	if (levels == 0)
		return product(a, b);
	c = matrix_new('d', a->rows, b->cols);
	memset(c.data, 0, (size_t)(c.rows * c.cols) * sizeof(double));
	for (int i = 0; i < 7; i++) {
		struct matrix x1 = part(a, products[i].a1[0], products[i].a1[1]);
		struct matrix x2 =
			products[i].asign ? part(a, products[i].a2[0], products[i].a2[1]) : x1;
		struct matrix y1 = part(b, products[i].b1[0], products[i].b1[1]);
		struct matrix y2 =
			products[i].bsign ? part(b, products[i].b2[0], products[i].b2[1]) : y1;
		struct matrix x = sum(x1, x2, products[i].asign),
			      y = sum(y1, y2, products[i].bsign);
		struct matrix m = strassen(&x, &y, levels - 1);

		for (int t = 0; t < 4; t++)
			if (products[i].to[t] != 0)
				add(&c, &m, t / 2, t % 2, products[i].to[t]);
		release(x, y, m);
	}
	return c;
}

static void fast_algorithms_pass(void **state)
{
	(void)state;
	for (enum data data = SIGNED; data <= EQUAL; data++) {
		struct matrix a = filled('d', 256, 256, data), b = filled('d', 256, 256, data);
		struct matrix p = strassen(&a, &b, 3);

		assert_int_equal(look(p, a, b, 1, 0), CHECK_RIGHT);
		d(&p)[100] += 1e-7 * 256;
		assert_int_equal(look(p, a, b, 1, 0), CHECK_WRONG);
		release(a, b, p);
	}
}

static void what_has_no_norm_is_nobodys_fault(void **state)
{
	struct matrix a = filled('s', 8, 8, SIGNED), b = filled('s', 8, 8, SIGNED),
		      p = product(&a, &b);

	(void)state;
	s(&a)[3] = NAN;
	assert_int_equal(look(p, a, b, 1, 0), CHECK_UNSURE);
	s(&a)[3] = INFINITY;
	assert_int_equal(look(p, a, b, 1, 0), CHECK_UNSURE);
	s(&a)[3] = 3e38f; /* its square is a double's, its product may be no float's */
	s(&b)[3] = 3e38f;
	assert_int_equal(look(p, a, b, 1, 0), CHECK_UNSURE);
	release(a, b, p);
}

static void factors(void **state)
{
	/* rows 1 and 2 change places, then L U */
	double a[] = {4, 2, 3, 1};
	double low[] = {1, 0.5, 0, 1}, up[] = {4, 0, 3, -0.5};
	int swaps[] = {1, 2};
	struct matrix m = {'d', a, 2, 2, 2}, l = {'d', low, 2, 2, 2}, u = {'d', up, 2, 2, 2};
	struct check check = {.rounds = ROUNDS};
	struct side given = {1, 2, {{FACTOR_SWAPS, m, 'N', swaps, NULL}, {.m = m, .trans = 'N'}}};
	struct side both = {1, 2, {{.m = l, .trans = 'N'}, {.m = u, .trans = 'N'}}};

	(void)state;
	assert_int_equal(check_equal(&check, &given, &both, 2, 0), CHECK_RIGHT);
	swaps[0] = 2;
	assert_int_equal(check_equal(&check, &given, &both, 2, 0), CHECK_WRONG);
}

static void reflectors(void **state)
{
	/* H = 1 - 2 w w' / w'w with w = (1, 1) turns (3, 0) into (0, -3) */
	double packed[] = {0, 1}, tau[] = {1}, turned[] = {0, -3}, r[] = {3, 0};
	struct matrix v = {'d', packed, 2, 1, 2}, a = {'d', turned, 2, 1, 2},
		      top = {'d', r, 2, 1, 2};
	struct check check = {.rounds = ROUNDS};
	struct side given = {1, 1, {{.m = a, .trans = 'N'}}};
	struct side both = {
		1, 2, {{FACTOR_REFLECTORS, v, 'N', NULL, tau}, {.m = top, .trans = 'N'}}};

	(void)state;
	assert_int_equal(check_equal(&check, &given, &both, 2, 0), CHECK_RIGHT);
	tau[0] = 0.9;
	assert_int_equal(check_equal(&check, &given, &both, 2, 0), CHECK_WRONG);
}

static void bounds(void **state)
{
	double e[] = {1, -2, 3, 9};
	struct matrix m = {'d', e, 1, 2, 2};

	(void)state;
	assert_true(check_bounded(&m, 3));
	assert_false(check_bounded(&m, 2));
	e[2] = NAN;
	assert_false(check_bounded(&m, HUGE_VAL));
	e[2] = INFINITY;
	assert_false(check_bounded(&m, HUGE_VAL));
	e[2] = 0;
	assert_true(fabs(check_norm(&m) - 1) <
		1e-15); /* what lies between the columns isn't looked at */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rounding_is_no_mistake),
		cmocka_unit_test(one_wrong_element_is_seen),
		cmocka_unit_test(other_products_are_seen),
		cmocka_unit_test(too_little_to_tell),
		cmocka_unit_test(fast_algorithms_pass),
		cmocka_unit_test(what_has_no_norm_is_nobodys_fault),
		cmocka_unit_test(factors),
		cmocka_unit_test(reflectors),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
