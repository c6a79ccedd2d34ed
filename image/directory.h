/*
 * image/directory.h - all files below a directory, for who attaches one. Blocks.
 */
#ifndef IMAGE_DIRECTORY_H
#define IMAGE_DIRECTORY_H

#include <stdbool.h>

#define DIRECTORY_DEPTH_MAX 16

/* Is it a directory, or a link to one? */
bool directory_is(const char *path);

/* What is done with one file: its name from the directory on ("css/site.css"), by which it is opened
 * below `root` (sys/fd.h), and its path, for messages. Not 0 ends the walk. */
typedef int directory_file(void *context, int root, const char *name, const char *path);

/* What begins with a dot is left out, at every depth. Links to files are visited: whether they stay in
 * the directory shows when they are opened, for what a path means can change until then. The first that
 * isn't 0, or -errno with the path that it is about in `where`: -ELOOP a link to a directory,
 * -ENAMETOOLONG a path too long or over DIRECTORY_DEPTH_MAX deep, -EINVAL neither file nor
 * directory. */
int directory_walk(const char *path, directory_file *file, void *context, char where[static 256]);

#endif
