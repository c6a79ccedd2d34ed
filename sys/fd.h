/*
 * sys/fd.h - file descriptors: owned by whoever opened them, -1 where there is none,
 * close-on-exec always. Functions return -errno.
 */
#ifndef SYS_FD_H
#define SYS_FD_H

#include <stdbool.h>
#include <stddef.h>

/* Closes *fd if it is open, and sets it to -1. Keeps errno. */
void fd_close(int *fd);

/* Opens a regular file to read it. Anything else is refused, and nothing is waited for: a pipe that
 * nobody writes to, or a file that somebody has a lease on (fcntl(2)), would hold up who opens it for
 * as long as its owner likes. -ENXIO: it is no regular file, -EWOULDBLOCK: there is a lease. */
int fd_open_file(const char *path);
/* The same, of `name` below an open directory; a link that leads out of it is none of it: -EXDEV. */
int fd_open_below(int dir, const char *name);
/* What became of it, in words. */
const char *fd_open_error(int err);

/* A duplicate whose number is at least `least`. */
int fd_dup_from(int fd, int least);

/* Memory behind a descriptor, `bytes` long; its size can never change again. */
int fd_memory(const char *name, size_t bytes);

/* The same, with the given content, which can never change either. */
int fd_memory_sealed(const char *name, const void *content, size_t bytes);

/* Reads exactly what is in the file, at most `most` bytes. *out is malloc'ed (one byte
 * longer, zero), the caller frees it. -EFBIG if there is more. */
int fd_read_all(int fd, size_t most, void **out, size_t *out_size);

int fd_write_all(int fd, const void *bytes, size_t n);
int fd_set_nonblocking(int fd, bool on);

#endif
