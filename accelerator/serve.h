/*
 * accelerator/serve.h - the process that has the device: products from the socket, one after another.
 */
#ifndef ACCELERATOR_SERVE_H
#define ACCELERATOR_SERVE_H

#include <stdint.h>
#include <sys/time.h>

#include "abi/accelerator.h"
#include "wire/gemm.h"

struct serve {
	int socket;
	uint32_t generation;
	const char *backend, *want; /* as of struct backend; want NULL: the best device */
	uint64_t memory;            /* that it may take of the device's; 0: all */
	uint32_t missing;           /* enum mfa_wall */
};

/* Never returns: the process ends when the hub closes the socket, or says something that makes no sense. */
_Noreturn void serve(const struct serve *serve);

/* Sends news, with its text cut to what fits and to what can be printed. 0 or -errno. */
int serve_tell(int socket, struct mfa_news *news, const char *text);

/* So long from now, and never never: 0, which would be that, only for 0. */
struct itimerval serve_timer(uint64_t ns);

/* What the hub may ask: 0, and *shape is set; else the status that answers it. */
unsigned serve_judge(const struct mfa_request *request, uint64_t input_file, uint64_t output_file,
	struct gemm_shape *shape);

#endif
