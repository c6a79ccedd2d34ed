/*
 * libos/random/chacha20.h - the ChaCha20 block function of RFC 8439, section 2.3.
 */
#ifndef LIBOS_CHACHA20_H
#define LIBOS_CHACHA20_H

#include <stdint.h>

void chacha20_block(uint8_t out[static 64], const uint8_t key[static 32], uint32_t counter,
	const uint8_t nonce[static 12]);

#endif
