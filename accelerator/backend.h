/*
 * accelerator/backend.h - what a kind of special hardware is to mayfly-accelerator: a device that multiplies matrices. Its
 * library is loaded when the program starts, so that no build and no other program needs it.
 *
 * One process has one device, of one backend, and asks it for one product at a time.
 */
#ifndef ACCELERATOR_BACKEND_H
#define ACCELERATOR_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/gemm.h"

#define BACKEND_TEXT 160u

struct device {
	char name[BACKEND_TEXT];
	uint64_t memory; /* bytes of it */
	bool lacks[MF_GEMM_TYPES];
};

struct backend {
	const char *name;
	/* Looks for a device that `want` is the number of, or a part of its name; NULL: the best one. 0 and *device
	 * is set; -errno, and why there is none, in words. */
	int (*open)(const char *want, struct device *device, char why[static BACKEND_TEXT]);
	/* C := alpha op(A) op(B) + beta C, where gemm_check found nothing wrong. 0; -ENOMEM: the device hasn't the
	 * memory; -EIO: it failed, and C may hold anything. */
	int (*gemm)(const struct mf_gemm *gemm, const struct gemm_shape *shape, const void *a,
		const void *b, void *c);
	/* The same of numbers that the device happens to have, to nowhere: what it takes a first time is over then,
	 * compiling kernels above all. NULL: it takes none. */
	int (*prepare)(const struct mf_gemm *gemm, const struct gemm_shape *shape);
};

extern const struct backend backend_opencl, backend_cuda;

/* NULL: there is none of that name. */
const struct backend *backend_find(const char *name);

/* Is the device with this number and name the one that `want` asks for? */
bool backend_wants(const char *want, unsigned number, const char *name);
/* What the device needs for it. */
uint64_t backend_bytes(const struct gemm_shape *shape);

#endif
