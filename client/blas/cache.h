/*
 * client/blas/cache.h - speeds from one run of a program to the next: config.cache, a few kilobytes of text. Sections
 * are by local library (its file, and how many threads it may use) and by service; a file is replaced whole, and
 * what can't be read or written is no error: then it is measured again.
 */
#ifndef CLIENT_BLAS_CACHE_H
#define CLIENT_BLAS_CACHE_H

#include "client/blas/model.h"

void cache_load(struct model *model);
void cache_save(const struct model *model);

#endif
