/* init_only.h - marks what runs in mf_init only */
#ifndef SERVICES_DNS_INIT_ONLY_H
#define SERVICES_DNS_INIT_ONLY_H

/* It runs once, when the snapshot is made: compiled for size, and linked away from the code that
 * lives run, so that a life touches fewer pages. */
#define INIT_ONLY __attribute__((cold))

#endif
