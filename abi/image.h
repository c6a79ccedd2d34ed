/*
 * abi/image.h - the file NAME.mfy: what the builder writes, the tools show, the
 * hub reads its manifest from and the worker loads.
 *
 * An image is a static ELF64 file for one processor. In this order, nothing
 * between the parts but the padding that is named:
 *
 *	ELF header, e_entry = mf_boot
 *	program headers: one PT_NOTE, then up to MFI_SEGMENTS PT_LOAD by address
 *	the notes (PT_NOTE), each padded to 4 bytes, owner name "mayfly"
 *	the bytes of the segments, each padded to 16
 *	optionally the signature trailer, see the end of this file
 *
 * There are no section headers and no symbols: NAME.debug beside it, an
 * ordinary ELF file of the same code, has those.
 *
 * The digest of an image is the SHA-256 of the file without its trailer; an
 * image is named by it in traces, capsules and receipts.
 *
 * Segments: p_vaddr is a multiple of MF_PAGE; flags are R, R|X or R|W, never
 * W|X; R and R|X segments lie in [MF_ADDR_TEXT, MF_ADDR_TEXT_END), at most one
 * R|W segment lies in the window right behind the effects area; none overlap.
 *
 * Rule for MFI_VERSION: as for MF_ABI_VERSION; a note of an unknown type is
 * ignored unless its type has MFI_NOTE_CRITICAL set.
 */
#ifndef ABI_IMAGE_H
#define ABI_IMAGE_H

#include <stdint.h>

#include "abi/guest.h"

#define MFI_VERSION      1u
#define MFI_OWNER        "mayfly"
#define MFI_SEGMENTS     8
#define MFI_NAME_MAX     63 /* a service's name: [a-z][a-z0-9-]*, also a DNS label */
#define MFI_VERSION_MAX  31
#define MFI_FILE_MAX     (64u << 20)
#define MFI_MANIFEST_MAX 65536u
#define MFI_VARIANT_MAX  15 /* a variant's name: [a-z][a-z0-9-]* */

#define MFI_NOTE_CRITICAL 0x40000000u
enum mfi_note {
	MFI_NOTE_IMAGE = 1 | MFI_NOTE_CRITICAL, /* struct mfi_image, the first note */
	MFI_NOTE_MANIFEST = 2,                  /* mayfly.yaml as its author wrote it */
	MFI_NOTE_MODULES = 3,                   /* struct mfi_module, one after another */
};

/* What a service may ask of the hub: bit = enum mf_effect_kind. */
#define MFI_GRANT(kind) (1u << (kind))

enum mfi_flag {
	MFI_HAS_INIT = 1u << 0, /* mf_init is there: run it to make the snapshot */
};

/* What code may need of a processor: bit = enum mfi_cpu; image/cpu.h has their names, those of the
 * compiler. An image with a bit that isn't known is refused. */
enum mfi_cpu {
	MFI_CPU_SSE3,
	MFI_CPU_SSSE3,
	MFI_CPU_SSE4_1,
	MFI_CPU_SSE4_2,
	MFI_CPU_POPCNT,
	MFI_CPU_AVX,
	MFI_CPU_FMA,
	MFI_CPU_BMI,
	MFI_CPU_BMI2,
	MFI_CPU_AVX2,
	MFI_CPU_AVX512F,
	MFI_CPU_AVX512CD,
	MFI_CPU_AVX512BW,
	MFI_CPU_AVX512DQ,
	MFI_CPU_AVX512VL,
	MFI_CPU_AVX512VNNI,
	MFI_CPU_AVX512BF16,
	MFI_CPU_FMA4, /* AMD's, 2011 to 2017 */
	MFI_CPUS
};

/* The numbers that the monitor needs, so that it reads no YAML. */
struct mfi_image {
	uint32_t version; /* MFI_VERSION */
	uint32_t abi;     /* MF_ABI_VERSION it was built for */
	uint32_t machine; /* as e_machine */
	uint32_t flags;   /* enum mfi_flag */
	uint32_t grants;  /* MFI_GRANT bits: what its code can ask for and its manifest allows */
	uint32_t event_bytes;
	uint32_t effects_bytes;
	uint32_t stack_bytes;
	uint64_t window_bytes;
	uint64_t init_bytes;
	uint64_t input_bytes;
	uint64_t output_bytes;
	uint64_t cpu_ns; /* limits of one life */
	uint64_t deadline_ns;
	uint64_t init_ns;            /* limit of mf_init */
	uint64_t counter;            /* of releases: an older one is a rollback */
	uint64_t budget;             /* bytes this file may have */
	char name[MFI_NAME_MAX + 1]; /* zero-padded */
	char release[MFI_VERSION_MAX + 1];
	uint64_t processor; /* MFI_CPU bits: what its code needs beyond plain x86-64 */
	char variant[MFI_VARIANT_MAX +
		1]; /* of the service, built for such processors; "": for all */
	uint64_t reserved[1];
};
_Static_assert(sizeof(struct mfi_image) == 232, "mfi_image");

/* One module of the library OS, or the service itself. */
struct mfi_module {
	char name[24]; /* zero-padded, e.g. "event", "wire/dns", "service" */
	uint32_t text; /* bytes of code and constants */
	uint32_t data; /* bytes of data and zeroed data */
	char why[40];  /* the symbol that pulled it in, and who asked: "mf_emit (main.o)" */
};
_Static_assert(sizeof(struct mfi_module) == 72, "mfi_module");

/*
 * The trailer of a signed image: the text of a minisign signature file, byte for byte, and behind
 * it this footer, so that the trailer is found from the end. What is signed is everything before
 * the text, so `minisign -V` checks the bare file with it (mayfly verify --extract). The text is
 *
 *	untrusted comment: signature of a mayfly image
 *	base64 of "ED", the key's id (8 bytes), Ed25519 of the BLAKE2b-512 of what is signed
 *	trusted comment: mayfly service:NAME counter:N
 *	base64 of Ed25519 of the signature's 64 bytes and the trusted comment
 *
 * each line ended by a newline. The first line is always the same, and the trusted comment is
 * signed, so no byte of a signed image can be another one. NAME is the image's own. N is its
 * counter of releases from here on: that of the image note or higher. Another trusted comment, as
 * minisign writes it by itself, leaves the image's own counter.
 */
#define MFI_SIGNATURE_FIRST "untrusted comment: signature of a mayfly image"
#define MFI_SIGNATURE_MAX   1024u
#define MFI_FOOTER_MAGIC    "MAYFLYSIGNATURE1"
struct mfi_footer {
	uint32_t text_bytes; /* of the text before it; at most MFI_SIGNATURE_MAX */
	uint32_t reserved;   /* 0 */
	uint8_t magic[16];   /* last */
};
#define MFI_TRAILER_MAX (MFI_SIGNATURE_MAX + 24u)
_Static_assert(sizeof(struct mfi_footer) == 24, "mfi_footer");

#endif
