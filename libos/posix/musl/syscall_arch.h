/*
 * Takes the place of musl's arch/x86_64/syscall_arch.h: a system call is a call of a function,
 * libos/posix/call.c. No vDSO is named here, so musl looks for none.
 */
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)
#define IPC_64            0

long mf_posix_call(long number, long a, long b, long c, long d, long e, long f);

static inline long __syscall0(long n)
{
	return mf_posix_call(n, 0, 0, 0, 0, 0, 0);
}

static inline long __syscall1(long n, long a)
{
	return mf_posix_call(n, a, 0, 0, 0, 0, 0);
}

static inline long __syscall2(long n, long a, long b)
{
	return mf_posix_call(n, a, b, 0, 0, 0, 0);
}

static inline long __syscall3(long n, long a, long b, long c)
{
	return mf_posix_call(n, a, b, c, 0, 0, 0);
}

static inline long __syscall4(long n, long a, long b, long c, long d)
{
	return mf_posix_call(n, a, b, c, d, 0, 0);
}

static inline long __syscall5(long n, long a, long b, long c, long d, long e)
{
	return mf_posix_call(n, a, b, c, d, e, 0);
}

static inline long __syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	return mf_posix_call(n, a, b, c, d, e, f);
}
