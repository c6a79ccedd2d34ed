/*
 * libos/posix/posix.h - the module posix: a C library, musl, in a guest. musl is built from Debian's
 * source package as it is, but its system calls are calls of one function, mf_posix_call, which
 * does here what a life may have of a kernel: pages of its window, attached data as files that can
 * be read, lines for the log, the event's clock and seed. There are no processes, users, threads,
 * sockets or signals: of these musl's functions are left out, and a service that calls one doesn't link.
 *
 * Everything returns what Linux on x86-64 would: 0 or more, or a negative number of an error.
 */
#ifndef LIBOS_POSIX_H
#define LIBOS_POSIX_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Numbers of Linux. Not from its headers, which a guest doesn't see. */
enum posix_error {
	POSIX_ENOENT = 2,
	POSIX_EBADF = 9,
	POSIX_ENOMEM = 12,
	POSIX_EACCES = 13,
	POSIX_ENODEV = 19,
	POSIX_EINVAL = 22,
	POSIX_EMFILE = 24,
	POSIX_ENOTTY = 25,
	POSIX_ESPIPE = 29,
	POSIX_EROFS = 30,
	POSIX_ENOSYS = 38,
	POSIX_EOVERFLOW = 75,
};

struct posix_iovec {
	uint8_t *p;
	size_t n;
};

/* The arguments of a system call. */
union posix_word {
	long n;
	uint64_t u;
	void *p;
	const char *s;
};
#define POSIX_WORDS 6

/* call.c: what musl calls (libos/posix/musl/syscall_arch.h). */
long mf_posix_call(long number, long a, long b, long c, long d, long e, long f);

/* pages.c: pages of the heap's end, zero. An address or -errno. */
long posix_map(uint64_t bytes);
long posix_unmap(uint64_t address, uint64_t bytes);

/* files.c: attached files, and 0, which is the event's payload. */
long posix_open(const char *path, uint64_t flags);
long posix_close(long fd);
long posix_read(long fd, const struct posix_iovec *to, size_t count);
long posix_seek(long fd, int64_t to, long whence);
/* struct stat of Linux, 144 bytes */
long posix_stat(const char *path, void *to);
long posix_fstat(long fd, void *to);
/* May it be read? */
long posix_access(const char *path, uint64_t mode);
/* Anything but attached files: 0, 1, 2 */
#define POSIX_FILE_FIRST 3

/* output.c: lines for the log; 1: info, 2: warning. */
long posix_write(long fd, const struct posix_iovec *from, size_t count);
/* What was written of a line that hasn't ended. */
void posix_write_rest(void);

/* exit.c: exit(0) is an end like mf_main's return, any other, and abort, fail. musl has written its
 * streams by then. */
_Noreturn void posix_exit(long status);
_Noreturn void posix_abort(void);

#endif
