/*
 * hub/trust.h - whose images run: hub.yaml's `trust`, read anew at each reload.
 *
 * What is judged is the image in memory that the service is made from, and its digest goes to the
 * worker, so a file that changes in between is another image (abi/worker.h).
 */
#ifndef HUB_TRUST_H
#define HUB_TRUST_H

#include "hub/fingerprint.h"
#include "hub/hub.h"
#include "image/image.h"

struct config_trust;
struct plan;

/* As `trust` says it; borrows from the configuration. */
struct trust {
	const struct config_trust *config;
	uint8_t print[FINGERPRINT]; /* of all that it says */
};

void trust_open(struct trust *trust, const struct config_trust *config);

/* May this image be the service at `place`, read from `path`? 0 with *verified: a trusted key signed
 * it; or SETUP_DENIED with one line in error. */
int trust_judge(const struct trust *trust, const struct image *image, const char *place,
	const char *path, bool *verified, char error[static HUB_ERROR_MAX]);

/* Says which services of the plan nobody vouches for, if there are any. */
void trust_report(const struct plan *plan);

#endif
