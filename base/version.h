/*
 * base/version.h - the release that programs and pages name.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define MAYFLY_VERSION "0.1.0"

#endif
