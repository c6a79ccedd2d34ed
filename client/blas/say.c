#include "client/blas/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void say(const char *format, ...)
{
	char line[1024];
	size_t n = (size_t)snprintf(line, sizeof(line), "mayfly-blas: ");
	int saved = errno, more;
	va_list list;

	va_start(list, format);
	more = vsnprintf(line + n, sizeof(line) - n - 1, format, list);
	va_end(list);
	n += more > 0 ? (size_t)more : 0;
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0) /* nobody to tell it to */
		errno = saved;
	errno = saved;
}

const char *say_time(double seconds, char to[static 24])
{
	static const struct {
		double least, factor;
		const char *unit;
	} units[] = {{0.9995, 1, "s"}, {0.9995e-3, 1e3, "ms"}, {0, 1e6, "us"}};
	unsigned i = 0;

	while (i < 2 && seconds < units[i].least)
		i++;
	if (seconds >= 1e6) /* HUGE_VAL: nobody knows */
		snprintf(to, 24, "unknown");
	else
		snprintf(to, 24, "%.3g %s", seconds * units[i].factor, units[i].unit);
	return to;
}

locale_t say_plainly(locale_t had)
{
	static _Atomic(locale_t) plain;

	if (had != NULL)
		return uselocale(had);
	if (plain == NULL)
		plain = newlocale(LC_ALL_MASK, "C", NULL); /* two threads at once: one is lost */
	return uselocale(plain);
}

double say_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
