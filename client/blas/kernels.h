/*
 * client/blas/kernels.h - what matrix.c has for each type; included once for each, with T its element, W what sums are
 * made in (double or double complex), NAME(x) for names, CONJ(x), REAL(x) and SQUARE(x) of a W. No guard on purpose.
 */

/* Rows of a block: sums of a few vectors stay in the first cache. */
enum { NAME(BLOCK) = 1024 };

static void NAME(whole)(
	const struct matrix *to, const struct matrix *from, enum form form, char uplo)
{
	T *t = to->data;
	const T *f = from->data;

	for (int64_t j = 0; j < to->cols; j++)
		for (int64_t i = 0; i < to->rows; i++) {
			bool there = form == FORM_WHOLE || (uplo == 'L' ? i >= j : i <= j);
			T v = 0;

			if (there)
				v = f[i + j * from->ld];
			else if (form == FORM_SYMMETRIC)
				v = f[j + i * from->ld];
			else if (form == FORM_HERMITIAN)
				v = (T)CONJ(f[j + i * from->ld]);
			if (i == j && form == FORM_UNIT)
				v = 1;
			else if (i == j && form == FORM_HERMITIAN)
				v = (T)REAL(v);
			t[i + j * to->ld] = v;
		}
}

static void NAME(add)(const struct matrix *to, const struct matrix *p, const struct sum *sum)
{
	T *t = to->data;
	const T *from = p->data;
	const T alpha = (T)SCALAR(sum->alpha), beta = (T)SCALAR(sum->beta);

	for (int64_t j = 0; j < to->cols; j++) {
		int64_t first = sum->part == PART_LOWER ? j : 0;
		int64_t end = sum->part == PART_UPPER ? j + 1 : to->rows;

		for (int64_t i = first; i < end; i++) {
			T *e = &t[i + j * to->ld];
			T v = sum->alpha != 1 ? alpha * from[i + j * p->ld] : from[i + j * p->ld];

			if (sum->twice && sum->hermitian)
				v += (T)CONJ(alpha * from[j + i * p->ld]);
			else if (sum->twice)
				v += alpha * from[j + i * p->ld];
			if (sum->beta != 0)
				v += beta * *e;
			*e = sum->hermitian && i == j ? (T)REAL(v) : v;
		}
	}
}

/* y[0..n) += columns j..j+3 of a, from row i on, times x[j..j+3]; likewise their squares to each row. */
CLONES static void NAME(four)(
	const T *restrict a, int64_t ld, int64_t n, const W *restrict x, W *restrict y)
{
	const T *a1 = a + ld, *a2 = a + 2 * ld, *a3 = a + 3 * ld;
	const W x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];

	for (int64_t i = 0; i < n; i++)
		y[i] += ((W)a[i] * x0 + (W)a1[i] * x1) + ((W)a2[i] * x2 + (W)a3[i] * x3);
}

CLONES static void NAME(one)(const T *restrict a, int64_t n, W x, W *restrict y)
{
	for (int64_t i = 0; i < n; i++)
		y[i] += (W)a[i] * x;
}

CLONES static void NAME(squares)(const T *restrict a, int64_t n, double *restrict to)
{
	for (int64_t i = 0; i < n; i++)
		to[i] += SQUARE((W)a[i]);
}

/* Two vectors and the squares at once: what comes from memory is looked at once. */
CLONES static void NAME(pair)(const T *restrict a, int64_t ld, int64_t n, const W *restrict x,
	const W *restrict v, W *restrict y, W *restrict w, double *restrict rows2)
{
	const T *a1 = a + ld, *a2 = a + 2 * ld, *a3 = a + 3 * ld;
	const W x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
	const W v0 = v[0], v1 = v[1], v2 = v[2], v3 = v[3];

	for (int64_t i = 0; i < n; i++) {
		W e = a[i], f = a1[i], g = a2[i], h = a3[i];

		y[i] += (e * x0 + f * x1) + (g * x2 + h * x3);
		w[i] += (e * v0 + f * v1) + (g * v2 + h * v3);
		rows2[i] += (SQUARE(e) + SQUARE(f)) + (SQUARE(g) + SQUARE(h));
	}
}

/* One block of rows of A, all columns: y += A x. rows2 gets sums of squares by row. */
static void NAME(block)(const struct share *s, int64_t i, int64_t n, double *rows2)
{
	const struct matrix *a = s->a;
	const T *at = (const T *)a->data + i;
	const W *x = s->x;
	W *y = (W *)s->y + i;
	unsigned first = rows2 != NULL && s->count > 1 ? 2 : 0;
	int64_t j = 0;

	for (; j + 4 <= a->cols; j += 4, at += 4 * a->ld) {
		if (first > 0)
			NAME(pair)(at, a->ld, n, x + j, x + a->cols + j, y, y + a->rows, rows2);
		for (unsigned r = first; r < s->count; r++)
			NAME(four)(at, a->ld, n, x + r * a->cols + j, y + r * a->rows);
		for (unsigned c = 0; rows2 != NULL && first == 0 && c < 4; c++)
			NAME(squares)(at + c * a->ld, n, rows2);
	}
	for (; j < a->cols; j++, at += a->ld) {
		for (unsigned r = 0; r < s->count; r++)
			NAME(one)(at, n, x[r * a->cols + j], y + r * a->rows);
		if (rows2 != NULL)
			NAME(squares)(at, n, rows2);
	}
}

/* The share's rows. */
static void NAME(times)(struct share *s)
{
	double rows2[NAME(BLOCK)];

	for (unsigned r = 0; r < s->count; r++)
		memset((W *)s->y + r * s->a->rows + s->from, 0,
			(size_t)(s->to - s->from) * sizeof(W));
	for (int64_t i = s->from; i < s->to; i += NAME(BLOCK)) {
		int64_t n = s->to - i < NAME(BLOCK) ? s->to - i : NAME(BLOCK);

		memset(rows2, 0, sizeof(rows2));
		NAME(block)(s, i, n, s->wanted ? rows2 : NULL);
		for (int64_t r = 0; s->wanted && r < n; r++) {
			s->norms.frobenius2 += rows2[r];
			s->norms.row2 = larger(s->norms.row2, rows2[r]);
		}
	}
}

/* Sums that don't wait for each other, so that they can be made side by side. */
CLONES static W NAME(dot)(const T *restrict a, const W *restrict x, int64_t n, bool conjugate)
{
	W lane[8] = {0}, all = 0;
	int64_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (int l = 0; l < 8; l++)
			lane[l] += (conjugate ? (W)CONJ(a[i + l]) : (W)a[i + l]) * x[i + l];
	for (; i < n; i++)
		lane[0] += (conjugate ? (W)CONJ(a[i]) : (W)a[i]) * x[i];
	for (int l = 0; l < 8; l++)
		all += lane[l];
	return all;
}

CLONES static double NAME(dot_squares)(const T *restrict a, int64_t n)
{
	double lane[8] = {0}, all = 0;
	int64_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (int l = 0; l < 8; l++)
			lane[l] += SQUARE((W)a[i + l]);
	for (; i < n; i++)
		lane[0] += SQUARE((W)a[i]);
	for (int l = 0; l < 8; l++)
		all += lane[l];
	return all;
}

/* The share's columns. A column is short enough to stay in a cache while all are done with it. */
static void NAME(transposed)(struct share *s)
{
	const struct matrix *a = s->a;

	for (int64_t j = s->from; j < s->to; j++) {
		const T *at = (const T *)a->data + j * a->ld;

		for (unsigned r = 0; r < s->count; r++)
			((W *)s->y)[r * a->cols + j] =
				NAME(dot)(at, (const W *)s->x + r * a->rows, a->rows, s->conjugate);
		if (s->wanted) {
			double row2 = NAME(dot_squares)(at, a->rows);

			s->norms.frobenius2 += row2;
			s->norms.row2 = larger(s->norms.row2, row2);
		}
	}
}

#undef T
#undef W
#undef NAME
#undef CONJ
#undef REAL
#undef SQUARE
#undef SCALAR
