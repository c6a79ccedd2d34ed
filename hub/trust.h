/*
 * hub/trust.h - whose images run: hub.yaml's `trust`, read anew at each reload, and the counters of
 * releases that ran already.
 *
 * What is judged is the image in memory that the service is made from, before anything of it but its
 * numbers is believed; its digest goes to the worker, which runs no other (abi/worker.h). So it makes
 * no difference what becomes of the file in between.
 *
 * Functions return 0, or the exit status that mayflyd ends with and one line in error.
 */
#ifndef HUB_TRUST_H
#define HUB_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/fingerprint.h"
#include "image/image.h"
#include "image/sign.h"

#define TRUST_ERROR_MAX 1024 /* as HUB_ERROR_MAX */
#define TRUST_NAME_MAX  64

struct config_service;
struct config_trust;
struct config_trust_key;
struct counters;
struct plan;

struct trust_key {
	struct sign_key key;
	const struct config_trust_key *config;
	char name[TRUST_NAME_MAX]; /* as configured, or its id */
};

/* Borrows from the configuration, which must outlive it. */
struct trust {
	const struct config_trust *config;
	const struct counters *counters;
	struct trust_key *keys;
	unsigned count;
	uint8_t print[FINGERPRINT]; /* of all that `trust` says, and of the keys in the files */
};

/* Of one image. */
struct trust_verdict {
	bool verified;            /* a key that may sign it did; else nobody vouches for it */
	char key[TRUST_NAME_MAX]; /* whose */
	uint64_t counter;         /* of releases, as signed */
};

/* Reads the keys. trust_close also after a failure. */
int trust_open(struct trust *trust, const struct config_trust *config,
	const struct counters *counters, char error[static TRUST_ERROR_MAX]);
void trust_close(struct trust *trust);

/* May this image be this service, which has its own name if the configuration gives it none? */
int trust_judge(const struct trust *trust, const struct image *image,
	const struct config_service *service, struct trust_verdict *verdict,
	char error[static TRUST_ERROR_MAX]);

/* Writes down what is about to run, so that nothing older runs after it: counters_prepare. */
int trust_prepare(const struct plan *plan, char error[static TRUST_ERROR_MAX]);
/* From now on it counts. */
void trust_commit(const struct plan *plan);
/* Says which services of the plan nobody vouches for; `all`: also who vouches for the others. */
void trust_report(const struct plan *plan, bool all);

#endif
