/*
 * market/receipt.h - what a paid life leaves in its subscriber's hands: what was computed from what, by which image, and
 * what it cost, signed by the center. Pure; no secret key is kept in here.
 *
 * A receipt is one line of JSON, of which there is exactly one form: these members in this order, no space, numbers as
 * decimal text (a quantity may pass 2^53, where some readers of JSON begin to round), hashes in lower-case hexadecimal, times
 * in UTC with nine digits, strings in UTF-8 with nothing escaped but '"' and '\':
 *
 *	{"mayfly":"receipt 1","account":"anna","event":"…","service":"linalg","version":"1.2.3",
 *	"image":HASH,"input":HASH,"output":HASH,"unit":"flop","quantity":"54000000","price":"108",
 *	"currency":"EUR","cpu_ns":"9120000","memory":"3145728","snapshot":HASH or null,
 *	"at":"2026-11-22T19:42:16.123456789Z","key":"7B0E…","signature":BASE64}
 *
 * price is in millionths of the currency; image, input, output are SHA-256. What is signed (Ed25519, RFC 8032) is the line up to
 * the signature, with a brace behind it: {"mayfly":…,"key":"7B0E…"}. Whoever reads one writes it anew and compares: what can be written
 * in two ways can't be signed once and shown twice.
 *
 * Errors: -EINVAL, with what is wrong in error where there is one.
 */
#ifndef MARKET_RECEIPT_H
#define MARKET_RECEIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define RECEIPT_MOST      2048u
#define RECEIPT_ERROR_MAX 256
#define RECEIPT_EVENT     255u /* bytes of an event's id */
#define RECEIPT_WORD      63u  /* and of the other strings */
#define RECEIPT_KEY       32u
#define RECEIPT_SECRET    64u
#define RECEIPT_SIGNATURE 64u

struct receipt {
	char account[RECEIPT_WORD + 1], event[RECEIPT_EVENT + 1];
	char service[RECEIPT_WORD + 1], version[RECEIPT_WORD + 1];
	uint8_t image[32], input[32], output[32];
	char unit[RECEIPT_WORD + 1], currency[4];
	uint64_t quantity;
	int64_t price;           /* millionths, not negative */
	uint64_t cpu_ns, memory; /* of the life: its time, and its most bytes */
	bool has_snapshot;
	uint8_t snapshot[32];
	int64_t at;        /* wall, ns, from 1970 on */
	uint8_t key_id[8]; /* of the key that signed: image/sign.h shows it the same way */
	uint8_t signature[RECEIPT_SIGNATURE];
};

/* What is signed. Its length, or -EINVAL: a string is too long, isn't UTF-8 or has control characters. */
int receipt_body(const struct receipt *receipt, char to[static RECEIPT_MOST]);
/* The whole line, without its end. */
int receipt_text(const struct receipt *receipt, char to[static RECEIPT_MOST]);
/* Fills in the signature. 0 or -EINVAL. */
int receipt_sign(struct receipt *receipt, const uint8_t secret[static RECEIPT_SECRET]);
/* A line without its end. */
int receipt_read(struct mf_str text, struct receipt *receipt, char error[static RECEIPT_ERROR_MAX]);
/* Is the signature right? */
bool receipt_is_signed(const struct receipt *receipt, const uint8_t key[static RECEIPT_KEY]);

#endif
