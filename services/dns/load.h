/*
 * load.h - the attached zone files into an index. Only mf_init calls this. Any
 * error in any file ends mf_init with one line that says where and what.
 */
#ifndef SERVICES_DNS_LOAD_H
#define SERVICES_DNS_LOAD_H

#include "init_only.h"
#include "build.h"

/* Reads every attached file whose name ends in ".zone". */
INIT_ONLY void load_zones(struct zones *z);

#endif
