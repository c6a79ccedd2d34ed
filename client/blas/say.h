/* client/blas/say.h - lines on stderr, each whole: "mayfly-blas: ..." */
#ifndef CLIENT_BLAS_SAY_H
#define CLIENT_BLAS_SAY_H

#include <locale.h>

__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
/* "0.42 s", "13 ms", "7 us" into to, which is returned. */
const char *say_time(double seconds, char to[static 24]);
/* NULL: this thread writes and reads numbers with a point now, whatever its program's language does; what it had is
 * returned, and given back here afterwards. */
locale_t say_plainly(locale_t had);
/* Monotonic seconds. */
double say_now(void);

#endif
