/*
 * abi/guest.h - what a guest and its monitor agree on: the memory map, the
 * gate, the event that lies in memory before the first instruction, and the
 * effects that lie there after the last one.
 *
 * Compiled by the library OS, the monitor, the hub and the tools. Everything is
 * little-endian, of fixed width, and asserted below. The guest's addresses are
 * plain uint64_t here; the monitor never turns one into a pointer without
 * monitor/gmem.h.
 *
 * Rule for MF_ABI_VERSION: an image names the version it was built for, and a
 * monitor runs exactly the versions it knows. Raise it when a byte that exists
 * changes its place or meaning. Do not raise it to use a field that was
 * reserved and zero, to add an effect kind, an event source or a gate
 * operation: an older monitor refuses what it doesn't know by name, so nothing
 * is misread.
 */
#ifndef ABI_GUEST_H
#define ABI_GUEST_H

#include <stddef.h>
#include <stdint.h>

#define MF_ABI_VERSION 1u
#define MF_PAGE        4096u

/* ------------------------------------------------------------------ memory
 *
 * These are the addresses that the guest sees; where they lie physically is the
 * monitor's business. The map starts at 64 KiB because the process backend maps
 * the same addresses in a Linux process (vm.mmap_min_addr), and all that code can
 * name lies below 2 GiB (the small code model). What every life touches lies close
 * together, so that a fresh VM meets few faults.
 *
 *	             region   guest may   who fills it
 *	0x0001_0000  gate     execute     monitor: the way out and, from MF_ADDR_STUB, the way in
 *	0x0001_1000  system   nothing     monitor: GDT, IDT, TSS, exception stubs
 *	0x0001_3000  info     read        monitor: struct mf_info, one page
 *	0x0001_4000  text     execute     image: code, then constants (read)
 *	0x1000_0000  data     read        hub: struct mf_data_head, attached files, config
 *	0x2000_0000  init     read        what mf_init left (it alone may write here)
 *	0x4000_0000  window   read/write  every byte that a life can write
 *	1_0000_0000  input    read        a blob, spooled by the hub
 *	8_0000_0000  output   read/write  a blob, sent by the hub
 *
 * The window, all of which is put back before every birth:
 *
 *	event | effects | .data .bss | heap ... | guard page | ... stack |
 */
#define MF_ADDR_GATE       0x00010000ull
#define MF_ADDR_STUB       0x00010100ull
#define MF_ADDR_SYSTEM     0x00011000ull
#define MF_ADDR_INFO       0x00013000ull
#define MF_ADDR_TEXT       0x00014000ull
#define MF_ADDR_TEXT_END   0x10000000ull
#define MF_ADDR_DATA       0x10000000ull
#define MF_ADDR_DATA_END   0x20000000ull
#define MF_ADDR_INIT       0x20000000ull
#define MF_ADDR_INIT_END   0x40000000ull
#define MF_ADDR_WINDOW     0x40000000ull
#define MF_ADDR_WINDOW_END 0x7fff0000ull
#define MF_ADDR_INPUT      0x100000000ull
#define MF_ADDR_INPUT_END  0x800000000ull
#define MF_ADDR_OUTPUT     0x800000000ull
#define MF_ADDR_OUTPUT_END 0xf00000000ull

/* sizes of the parts of a window when the manifest says nothing, and their bounds */
#define MF_WINDOW_DEFAULT  65536u
#define MF_WINDOW_MIN      32768u
#define MF_EVENT_DEFAULT   16384u
#define MF_EVENT_MIN       4096u
#define MF_EFFECTS_DEFAULT 16384u
#define MF_EFFECTS_MIN     8192u /* the process backend's signal stack lies here */
#define MF_STACK_DEFAULT   8192u
#define MF_STACK_MIN       4096u

/* The areas: what lies behind mf_event.input_bytes reads as zero, and the output is zero at birth. In
 * mf_init there are none.
 *
 * Read-only facts about this image on this hub; the same on every backend. */
#define MF_INFO_MAGIC 0x4f464e49464d0001ull
struct mf_info {
	uint64_t magic;
	uint32_t abi;
	uint32_t event_bytes;   /* capacity of the event area, at MF_ADDR_WINDOW */
	uint32_t effects_bytes; /* capacity of the effects area, right behind it */
	uint32_t reserved0;
	uint64_t window_bytes;
	uint64_t heap_addr; /* free memory of the window, 16-byte aligned */
	uint64_t heap_end;
	uint64_t stack_top;
	uint64_t init_bytes; /* capacity of the init area, 0: there is none */
	uint64_t data_bytes;
	uint64_t input_bytes; /* capacities of the blob areas, 0: there are none */
	uint64_t output_bytes;
	uint8_t image_digest[32];
	uint8_t data_digest[32];
};
_Static_assert(sizeof(struct mf_info) == 152, "mf_info");
_Static_assert(offsetof(struct mf_info, heap_addr) == 32, "mf_info.heap_addr");
_Static_assert(offsetof(struct mf_info, image_digest) == 88, "mf_info.image_digest");

/* --------------------------------------------------------- attached data
 *
 * At MF_ADDR_DATA: a head, `count` entries, then bytes. Offsets are from
 * MF_ADDR_DATA. Names of one kind are unique and sorted.
 */
#define MF_DATA_MAGIC 0x0001415441444d46ull
enum mf_data_kind { MF_DATA_FILE = 1, MF_DATA_CONFIG = 2 };

struct mf_data_head {
	uint64_t magic;
	uint64_t bytes; /* of the whole area, head included */
	uint32_t count;
	uint32_t reserved;
};
_Static_assert(sizeof(struct mf_data_head) == 24, "mf_data_head");

struct mf_data_entry {
	uint32_t kind;
	uint32_t name_len;
	uint64_t name_off;
	uint64_t value_off;
	uint64_t value_len;
};
_Static_assert(sizeof(struct mf_data_entry) == 32, "mf_data_entry");

/* ------------------------------------------------------------------- gate
 *
 * One function at MF_ADDR_GATE, called with the C convention of the processor:
 *
 *	uint64_t gate(uint64_t operation, uint64_t argument)
 *
 * The monitor fills the page: `out` under KVM, `syscall` in a process, a store
 * on arm64. No other way out exists.
 */
enum mf_op {
	MF_OP_END = 1,  /* this life, or mf_init, is over; never returns */
	MF_OP_CALL = 2, /* the last effect is a call: suspend until it is answered;
	                   returns when mf_event.answer is filled in */
};

/* ------------------------------------------------------------------ event
 *
 * At MF_ADDR_WINDOW. `off` counts from there; every span lies inside `bytes`.
 * Spans are bytes, not C strings; an absent one has len 0.
 */
struct mf_span {
	uint32_t off;
	uint32_t len;
};

/* The attribute by which the hub says who asks over HTTP or CoAP, in small letters; no client can set it:
 * "token:NAME", or a name in a certificate, "dns:NAME", "email:NAME", "uri:NAME", "cn:NAME"; "psk:IDENTITY".
 * Absent where nobody had to say who he is. */
#define MF_CLIENT "mayfly-client"

enum mf_source {
	MF_SOURCE_INIT = 0, /* no event: this is the run of mf_init */
	MF_SOURCE_RUN = 1,  /* the command line */
	MF_SOURCE_UDP = 2,
	MF_SOURCE_TCP = 3,
	MF_SOURCE_HTTP = 4,
	MF_SOURCE_MQTT = 5,
	MF_SOURCE_COAP = 6,
	MF_SOURCE_TIMER = 7,
	MF_SOURCE_PACKETS = 8,
	MF_SOURCE_CALL = 9,
	MF_SOURCE_JOB = 10,
	MF_SOURCE_SCHEDULE = 11,
	MF_SOURCE_COUNT
};

enum mf_event_flag {
	MF_EVENT_LATE = 1u << 0,  /* kept for some time before it came here */
	MF_EVENT_RETRY = 1u << 1, /* an earlier life for this event failed or lost a race */
	MF_EVENT_RETAINED = 1u << 2,
};

struct mf_event {
	uint32_t abi;
	uint32_t bytes;  /* used, this header included */
	uint16_t source; /* enum mf_source */
	uint16_t flags;  /* enum mf_event_flag */
	uint16_t hops;   /* calls above this one */
	uint16_t attempt;
	int64_t time_ns;      /* wall clock of the event, since 1970 */
	uint64_t elapsed_ns;  /* the hub's own clock: never goes back, across boots too */
	uint64_t deadline_ns; /* how long this life may take */
	uint64_t budget;      /* what this event may still spend, in millionths; 0: none set */
	uint8_t seed[32];
	struct mf_span id;
	struct mf_span type;    /* e.g. "dns", "http.request", "mqtt.message" */
	struct mf_span subject; /* topic, path, or local address */
	struct mf_span method;  /* HTTP and CoAP */
	struct mf_span query;   /* what stands behind '?' */
	struct mf_span peer;    /* who sent it, as text */
	struct mf_span content_type;
	struct mf_span attributes; /* struct mf_record, one after another */
	struct mf_span state;      /* attached state, the same */
	struct mf_span payload;
	struct mf_span answer;  /* to the last call */
	uint32_t answer_status; /* as an HTTP status */
	uint32_t attributes_count;
	uint32_t state_count;
	uint32_t accelerator; /* 0: there is none that it may ask; else see MF_ACCELERATOR */
	uint64_t
		input_bytes; /* the payload, if it lies in the input area; `payload` has none then */
	uint64_t reserved1[4];
};
_Static_assert(sizeof(struct mf_event) == 224, "mf_event");
_Static_assert(offsetof(struct mf_event, time_ns) == 16, "mf_event.time_ns");
_Static_assert(offsetof(struct mf_event, seed) == 48, "mf_event.seed");
_Static_assert(offsetof(struct mf_event, id) == 80, "mf_event.id");
_Static_assert(offsetof(struct mf_event, payload) == 152, "mf_event.payload");
_Static_assert(offsetof(struct mf_event, input_bytes) == 184, "mf_event.input_bytes");

/* --------------------------------------------------------------- accelerator
 *
 * Special hardware of the hub's: a service that may call MF_ACCELERATOR asks it for a product with a call whose path is
 * MF_ACCELERATOR_GEMM and whose body is a struct mf_gemm. mf_event.accelerator says that it is there, and from how many
 * MiFLOP (2^20 additions and multiplications) on a product is worth the way.
 *
 *	C := alpha op(A) op(B) + beta C        op(A) is m by k, op(B) k by n, C m by n
 *
 * in columns, as BLAS has it. A and B lie in the input area, C in the output area: `a`, `b` and `c` are offsets in bytes from
 * their starts. Real types have alpha[0] and beta[0] alone. Where beta is 0, C isn't read.
 *
 * The answer's status: 200, C is there, and the body is the device's name; 504: nobody knows whether something still writes
 * C, so this life must not use its output area any more; else it wasn't done, but C may hold anything now: the life computes
 * it itself.
 */
#define MF_ACCELERATOR      "accelerator"
#define MF_ACCELERATOR_GEMM "/gemm"

enum mf_gemm_type { MF_GEMM_S, MF_GEMM_D, MF_GEMM_C, MF_GEMM_Z, MF_GEMM_TYPES };

struct mf_gemm {
	uint32_t type;          /* enum mf_gemm_type */
	uint8_t transa, transb; /* 'N', 'T' or 'C' */
	uint8_t reserved[2];    /* 0 */
	uint64_t m, n, k;       /* from 1 to MF_GEMM_MOST */
	uint64_t lda, ldb, ldc; /* elements from one column to the next */
	uint64_t a, b, c;
	double alpha[2], beta[2];
};
_Static_assert(sizeof(struct mf_gemm) == 112, "mf_gemm");
_Static_assert(offsetof(struct mf_gemm, alpha) == 80, "mf_gemm.alpha");
#define MF_GEMM_MOST 0x7fffffffull

/* A named value. Name, then value follow, then zeros up to a multiple of 8. */
struct mf_record {
	uint32_t size; /* of all of it, a multiple of 8 */
	uint32_t name_len;
	uint32_t value_len;
	uint32_t flags;   /* 0; state: bit 0 = the key does not exist */
	uint64_t version; /* of state: 0 = the key does not exist */
};
_Static_assert(sizeof(struct mf_record) == 24, "mf_record");

/* ---------------------------------------------------------------- effects
 *
 * At MF_ADDR_WINDOW + event_bytes. A head, then records, each a multiple of 8
 * bytes: struct mf_effect, then its fields one after another in the order of
 * enum mf_field, then zeros. Every kind has the same shape, so one checker reads
 * them all; which members a kind uses stands in the table below, and a member
 * that it doesn't use must be zero. An unknown kind, a wrong size or a stray
 * member refuses the whole life.
 *
 *	kind      name      type          meta        body     status      value        extra
 *	reply     -         content type  headers     bytes    HTTP status blob bytes   -
 *	emit      topic     content type  -           bytes    QoS         -            -
 *	put       key       -             -           value    -           version      -
 *	delete    key       -             -           -        -           version      -
 *	schedule  name      content type  -           bytes    -           delay in ns  -
 *	meter     unit      -             -           -        -           quantity     -
 *	upstream  subject   content type  -           bytes    priority    -            -
 *	log       -         -             -           text     level       -            -
 *	call      service   content type  path        bytes    -           limit in ns  -
 *
 * Reply headers (meta) are "Name: value\r\n" lines. A put or delete with
 * MF_EFFECT_IF_VERSION happens only if the key has that version (0: is absent).
 * A reply with MF_EFFECT_BLOB is the first `value` bytes of the output area; it has no body.
 */
enum mf_effect_kind {
	MF_EFFECT_REPLY = 1,
	MF_EFFECT_EMIT = 2,
	MF_EFFECT_PUT = 3,
	MF_EFFECT_DELETE = 4,
	MF_EFFECT_SCHEDULE = 5,
	MF_EFFECT_METER = 6,
	MF_EFFECT_UPSTREAM = 7,
	MF_EFFECT_LOG = 8,
	MF_EFFECT_CALL = 9,
	MF_EFFECT_KINDS
};

enum mf_field { MF_FIELD_NAME, MF_FIELD_TYPE, MF_FIELD_META, MF_FIELD_BODY, MF_FIELDS };

enum mf_effect_flag {
	MF_EFFECT_IF_VERSION = 1u << 0, /* put, delete */
	MF_EFFECT_BLOB = 1u << 1,       /* reply */
	MF_EFFECT_RETAIN = 1u << 2,     /* emit */
};

enum mf_level { MF_LEVEL_DEBUG, MF_LEVEL_INFO, MF_LEVEL_WARN, MF_LEVEL_ERROR };

struct mf_effect {
	uint32_t size; /* of the record, a multiple of 8 */
	uint16_t kind;
	uint16_t flags;
	uint32_t status;
	uint32_t len[MF_FIELDS];
	uint32_t reserved;
	uint64_t value;
	uint64_t extra;
};
_Static_assert(sizeof(struct mf_effect) == 48, "mf_effect");
_Static_assert(offsetof(struct mf_effect, value) == 32, "mf_effect.value");

enum mf_outcome {
	MF_OUTCOME_NONE = 0,   /* not ended: what fresh memory says */
	MF_OUTCOME_OK = 1,     /* commit the effects */
	MF_OUTCOME_FAILED = 2, /* the service gave up (mf_fail): commit nothing but logs */
	MF_OUTCOME_FULL = 3,   /* the effects area was too small for what it did */
	MF_OUTCOME_MEMORY = 4, /* the heap was */
};

struct mf_effects {
	uint32_t bytes; /* used, this head included */
	uint32_t count;
	uint32_t outcome; /* enum mf_outcome */
	uint32_t reserved;
};
_Static_assert(sizeof(struct mf_effects) == 16, "mf_effects");

#endif
