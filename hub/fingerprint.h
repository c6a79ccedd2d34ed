/*
 * hub/fingerprint.h - is an entry of hub.yaml the same as when it was last read, and are the files
 * that it names? Then a reload needn't load and check them again, which takes most of a millisecond
 * a service, while nobody is served.
 *
 * Files are known by device, inode, size and times of change, like in make and git. A file that
 * was changed just before it was read could change again without a trace: then, and where a
 * directory is attached, there is no fingerprint.
 */
#ifndef HUB_FINGERPRINT_H
#define HUB_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#define FINGERPRINT 32

struct config_service;

/* Taken before the files are read; `trust` is that of whose images may run (hub/trust.h). False:
 * there is none, and `print` is all zero. */
bool fingerprint(const struct config_service *config, const uint8_t trust[static FINGERPRINT],
	uint8_t print[static FINGERPRINT]);

#endif
