/*
 * accelerator/opencl.c - OpenCL devices, by CLBlast: OpenCL 1.2 (Khronos, cl.h) and CLBlast 1.5 (clblast_c.h). What is
 * used of the two is declared here, so that neither's headers are needed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accelerator/backend.h"
#include "sys/library.h"

/* ----------------------------------------------------- as cl.h and clblast_c.h have it */

typedef struct cl_thing *cl_thing; /* platform, device, context, queue, buffer */

enum {
	CL_DEVICE_TYPE_GPU_OR_ACCELERATOR = 4 | 8,
	CL_DEVICE_NAME = 0x102B,
	CL_DEVICE_GLOBAL_MEM_SIZE = 0x101F,
	CL_DEVICE_AVAILABLE = 0x1027,
	CL_DEVICE_DOUBLE_FP_CONFIG = 0x1032,
	CL_MEM_READ_WRITE = 1,
};
#define CL_DEVICE_TYPE_ALL 0xFFFFFFFFull

/* No memory: CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY, CL_INVALID_BUFFER_SIZE */
static bool is_memory(int err)
{
	return err == -4 || err == -5 || err == -6 || err == -61;
}

/* enum CLBlastLayout_, CLBlastTranspose_ */
enum { COLUMNS = 102, NO = 111, YES = 112, CONJUGATE = 113 };

struct float2 {
	float s[2];
};
struct double2 {
	double s[2];
};

/* Their functions, by their own names. */
#define GEMM(name, number)                                                                         \
	int (*name)(int layout, int transa, int transb, size_t m, size_t n, size_t k,              \
		number alpha, cl_thing a, size_t a_offset, size_t lda, cl_thing b,                 \
		size_t b_offset, size_t ldb, number beta, cl_thing c, size_t c_offset, size_t ldc, \
		cl_thing *queue, cl_thing *event)
static struct blast {
	void *library;
	GEMM(CLBlastSgemm, float);
	GEMM(CLBlastDgemm, double);
	GEMM(CLBlastCgemm, struct float2);
	GEMM(CLBlastZgemm, struct double2);
} blast;

#define RECTANGLE(name, host)                                                                      \
	int (*name)(cl_thing queue, cl_thing buffer, uint32_t blocking,                            \
		const size_t *buffer_origin, const size_t *host_origin, const size_t *region,      \
		size_t buffer_row, size_t buffer_slice, size_t host_row, size_t host_slice, host,  \
		uint32_t events, const cl_thing *wait, cl_thing *event)
static struct opencl {
	void *library;
	int (*clGetPlatformIDs)(uint32_t most, cl_thing *to, uint32_t *count);
	int (*clGetDeviceIDs)(
		cl_thing platform, uint64_t type, uint32_t most, cl_thing *to, uint32_t *count);
	int (*clGetDeviceInfo)(cl_thing device, uint32_t what, size_t size, void *to, size_t *used);
	cl_thing (*clCreateContext)(const intptr_t *properties, uint32_t count,
		const cl_thing *devices,
		void (*notify)(const char *text, const void *info, size_t n, void *context),
		void *context, int *err);
	cl_thing (*clCreateCommandQueue)(
		cl_thing context, cl_thing device, uint64_t properties, int *err);
	cl_thing (*clCreateBuffer)(
		cl_thing context, uint64_t flags, size_t size, void *host, int *err);
	int (*clReleaseMemObject)(cl_thing buffer);
	int (*clFinish)(cl_thing queue);
	RECTANGLE(clEnqueueReadBufferRect, void *to);
	RECTANGLE(clEnqueueWriteBufferRect, const void *from);
} cl;

#define OF_CL(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct opencl, name)                                               \
	}
#define OF_BLAST(name)                                                                             \
	{                                                                                          \
#name, offsetof(struct blast, name)                                                \
	}
static const struct library_function of_opencl[] = {OF_CL(clGetPlatformIDs), OF_CL(clGetDeviceIDs),
	OF_CL(clGetDeviceInfo), OF_CL(clCreateContext), OF_CL(clCreateCommandQueue),
	OF_CL(clCreateBuffer), OF_CL(clReleaseMemObject), OF_CL(clFinish),
	OF_CL(clEnqueueReadBufferRect), OF_CL(clEnqueueWriteBufferRect), {0}};
static const struct library_function of_blast[] = {OF_BLAST(CLBlastSgemm), OF_BLAST(CLBlastDgemm),
	OF_BLAST(CLBlastCgemm), OF_BLAST(CLBlastZgemm), {0}};
static const struct library opencl_library = {
	"OpenCL", "libOpenCL.so.1", "ocl-icd-libopencl1", of_opencl};
static const struct library blast_library = {"CLBlast", "libclblast.so.1", "libclblast1", of_blast};

/* ------------------------------------------------------------------- the device */

#define PLATFORMS 16u
#define DEVICES   64u

static cl_thing device, context, queue;

static int load(char why[static BACKEND_TEXT])
{
	int err = library_load(&opencl_library, &cl, &cl.library, why, BACKEND_TEXT);

	return err < 0 ? err
		       : library_load(&blast_library, &blast, &blast.library, why, BACKEND_TEXT);
}

static bool available(cl_thing d)
{
	uint32_t is = 0;

	return cl.clGetDeviceInfo(d, CL_DEVICE_AVAILABLE, sizeof(is), &is, NULL) == 0 && is;
}

static void name_of(cl_thing d, char name[static BACKEND_TEXT])
{
	memset(name, 0, BACKEND_TEXT);
	if (cl.clGetDeviceInfo(d, CL_DEVICE_NAME, BACKEND_TEXT - 1, name, NULL) != 0)
		snprintf(name, BACKEND_TEXT, "a device without a name");
}

/* All platforms' devices of these types, in their order; the one that is wanted. */
static cl_thing find(const cl_thing *platforms, uint32_t count, uint64_t types, const char *want)
{
	char name[BACKEND_TEXT];
	unsigned number = 0;

	for (uint32_t i = 0; i < count; i++) {
		cl_thing devices[DEVICES];
		uint32_t n = 0;

		if (cl.clGetDeviceIDs(platforms[i], types, DEVICES, devices, &n) != 0)
			continue;
		for (uint32_t j = 0; j < n && j < DEVICES; j++, number++) {
			name_of(devices[j], name);
			if (available(devices[j]) && backend_wants(want, number, name))
				return devices[j];
		}
	}
	return NULL;
}

/* A GPU before a processor, unless it is said which. */
static cl_thing choose(const char *want)
{
	cl_thing platforms[PLATFORMS], found = NULL;
	uint32_t count = 0;

	if (cl.clGetPlatformIDs(PLATFORMS, platforms, &count) != 0)
		return NULL;
	if (count > PLATFORMS)
		count = PLATFORMS;
	if (!want)
		found = find(platforms, count, CL_DEVICE_TYPE_GPU_OR_ACCELERATOR, NULL);
	return found ? found : find(platforms, count, CL_DEVICE_TYPE_ALL, want);
}

static int opencl_open(const char *want, struct device *to, char why[static BACKEND_TEXT])
{
	uint64_t doubles = 0;
	int err = load(why);

	if (err < 0)
		return err;
	device = choose(want);
	if (!device) {
		snprintf(why, BACKEND_TEXT, "OpenCL has no device%s%.80s%s", want ? " \"" : "",
			want ? want : "", want ? "\" here" : " here");
		return -ENODEV;
	}
	context = cl.clCreateContext(NULL, 1, &device, NULL, NULL, &err);
	if (context)
		queue = cl.clCreateCommandQueue(context, device, 0, &err);
	if (!queue) {
		snprintf(why, BACKEND_TEXT, "the device can't be used: OpenCL's error %d", err);
		return -EIO;
	}
	name_of(device, to->name);
	(void)cl.clGetDeviceInfo(
		device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(to->memory), &to->memory, NULL);
	(void)cl.clGetDeviceInfo(
		device, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof(doubles), &doubles, NULL);
	to->lacks[MF_GEMM_D] = to->lacks[MF_GEMM_Z] = doubles == 0;
	return 0;
}

/* -------------------------------------------------------------------- a product */

/* Columns lie side by side at the device, whatever is between them in memory. */
static int upload(cl_thing to, const struct gemm_matrix *x, uint64_t element, const void *from)
{
	const size_t zero[3] = {0}, region[3] = {x->rows * element, x->columns, 1};

	return cl.clEnqueueWriteBufferRect(queue, to, 1, zero, zero, region, region[0], 0,
		x->ld * element, 0, from, 0, NULL, NULL);
}

static int download(cl_thing from, const struct gemm_matrix *x, uint64_t element, void *to)
{
	const size_t zero[3] = {0}, region[3] = {x->rows * element, x->columns, 1};

	return cl.clEnqueueReadBufferRect(queue, from, 1, zero, zero, region, region[0], 0,
		x->ld * element, 0, to, 0, NULL, NULL);
}

static int letter(uint8_t trans)
{
	return trans == 'N' ? NO : trans == 'T' ? YES : CONJUGATE;
}

#define MULTIPLY(gemm, alpha, beta)                                                                \
	gemm(COLUMNS, letter(g->transa), letter(g->transb), g->m, g->n, g->k, alpha, x[0], 0,      \
		s->a.rows, x[1], 0, s->b.rows, beta, x[2], 0, s->c.rows, &queue, NULL)

static int multiply(const struct mf_gemm *g, const struct gemm_shape *s, const cl_thing x[static 3])
{
	const double *p = g->alpha, *q = g->beta;

	switch (g->type) {
	case MF_GEMM_S: return MULTIPLY(blast.CLBlastSgemm, (float)p[0], (float)q[0]);
	case MF_GEMM_D: return MULTIPLY(blast.CLBlastDgemm, p[0], q[0]);
	case MF_GEMM_C:
		return MULTIPLY(blast.CLBlastCgemm, ((struct float2){{(float)p[0], (float)p[1]}}),
			((struct float2){{(float)q[0], (float)q[1]}}));
	default:
		return MULTIPLY(blast.CLBlastZgemm, ((struct double2){{p[0], p[1]}}),
			((struct double2){{q[0], q[1]}}));
	}
}

static int allocate(const struct gemm_shape *s, cl_thing x[static 3])
{
	const uint64_t bytes[3] = {s->a.dense, s->b.dense, s->c.dense};
	int err = 0;

	for (unsigned i = 0; i < 3 && err == 0; i++)
		x[i] = cl.clCreateBuffer(context, CL_MEM_READ_WRITE, bytes[i], NULL, &err);
	return err;
}

static int finished(cl_thing x[static 3], int err)
{
	for (unsigned i = 0; i < 3; i++)
		if (x[i])
			(void)cl.clReleaseMemObject(x[i]);
	return err == 0 ? 0 : is_memory(err) ? -ENOMEM : -EIO;
}

static int opencl_prepare(const struct mf_gemm *g, const struct gemm_shape *s)
{
	cl_thing x[3] = {NULL, NULL, NULL};
	int err = allocate(s, x);

	if (err == 0)
		err = multiply(g, s, x);
	if (err == 0)
		err = cl.clFinish(queue);
	return finished(x, err);
}

static int opencl_gemm(
	const struct mf_gemm *g, const struct gemm_shape *s, const void *a, const void *b, void *c)
{
	const bool adds = g->beta[0] != 0 || g->beta[1] != 0;
	cl_thing x[3] = {NULL, NULL, NULL};
	int err = allocate(s, x);

	if (err == 0)
		err = upload(x[0], &s->a, s->element, a);
	if (err == 0)
		err = upload(x[1], &s->b, s->element, b);
	if (err == 0 && adds)
		err = upload(x[2], &s->c, s->element, c);
	if (err == 0)
		err = multiply(g, s, x);
	if (err == 0)
		err = cl.clFinish(queue);
	if (err == 0)
		err = download(x[2], &s->c, s->element, c);
	return finished(x, err);
}

const struct backend backend_opencl = {"opencl", opencl_open, opencl_gemm, opencl_prepare};
