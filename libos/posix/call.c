/*
 * posix - the one function behind musl's system calls. What isn't in the table is ENOSYS, which is
 * what musl expects of a kernel that is too old for it.
 */
#include "libos/mayfly.h"
#include "libos/place.h"
#include "libos/posix/posix.h"

typedef union posix_word word;

static long call_read(const word a[static POSIX_WORDS])
{
	const struct posix_iovec to = {a[1].p, a[2].u};

	return posix_read(a[0].n, &to, 1);
}

static long call_readv(const word a[static POSIX_WORDS])
{
	return posix_read(a[0].n, a[1].p, a[2].u);
}

static long call_write(const word a[static POSIX_WORDS])
{
	const struct posix_iovec from = {a[1].p, a[2].u};

	return posix_write(a[0].n, &from, 1);
}

static long call_writev(const word a[static POSIX_WORDS])
{
	return posix_write(a[0].n, a[1].p, a[2].u);
}

static long call_open(const word a[static POSIX_WORDS])
{
	return posix_open(a[0].s, a[1].u);
}

static long call_close(const word a[static POSIX_WORDS])
{
	return posix_close(a[0].n);
}

static long call_lseek(const word a[static POSIX_WORDS])
{
	return posix_seek(a[0].n, a[1].n, a[2].n);
}

static long call_stat(const word a[static POSIX_WORDS])
{
	return posix_stat(a[0].s, a[1].p);
}

static long call_fstat(const word a[static POSIX_WORDS])
{
	return posix_fstat(a[0].n, a[1].p);
}

static long call_access(const word a[static POSIX_WORDS])
{
	return posix_access(a[0].s, a[1].u);
}

/* Of a file that can only be read, in a program that never becomes another one. */
static long call_fcntl(const word a[static POSIX_WORDS])
{
	const long get_flags = 1, get_status = 3, set_flags = 2;

	if (a[1].n == get_flags || a[1].n == get_status || a[1].n == set_flags)
		return 0;
	return -POSIX_EINVAL;
}

/* Anonymous memory only, wherever there is some: attached data is in memory already (mf_data). */
static long call_mmap(const word a[static POSIX_WORDS])
{
	const uint64_t fixed = 0x10, anonymous = 0x20;

	if (!(a[3].u & anonymous))
		return -POSIX_ENODEV;
	if (a[3].u & fixed)
		return -POSIX_ENOMEM;
	return posix_map(a[1].u);
}

static long call_munmap(const word a[static POSIX_WORDS])
{
	return posix_unmap(a[0].u, a[1].u);
}

/* The wall clock is the event's, and so are those that never go back. No time passes in a life, and
 * none of the processor's; a snapshot is made at no time, so in mf_init all of them are 0. */
static long call_clock_gettime(const word a[static POSIX_WORDS])
{
	const long real = 0, process = 2, thread = 3, real_coarse = 5, last = 11;
	const int64_t second = 1000000000;
	int64_t *to = a[1].p, ns = 0;

	if (a[0].n < 0 || a[0].n > last)
		return -POSIX_EINVAL;
	if (!place_in_init() && (a[0].n == real || a[0].n == real_coarse))
		ns = mf_time_ns();
	else if (!place_in_init() && a[0].n != process && a[0].n != thread)
		ns = (int64_t)mf_elapsed_ns();
	to[0] = ns / second - (ns % second < 0);
	to[1] = ns - to[0] * second;
	return 0;
}

/* From the life's seed; mf_init has none, and ends here. */
static long call_getrandom(const word a[static POSIX_WORDS])
{
	mf_random(a[0].p, a[1].u);
	return a[1].n;
}

static long call_exit(const word a[static POSIX_WORDS])
{
	posix_exit(a[0].n);
}

/* One life, one thread, and one number for both. */
static long call_number(const word a[static POSIX_WORDS])
{
	(void)a;
	return 1;
}

static long not_a_terminal(const word a[static POSIX_WORDS])
{
	(void)a;
	return -POSIX_ENOTTY;
}

static long read_only(const word a[static POSIX_WORDS])
{
	(void)a;
	return -POSIX_EROFS;
}

/* Those first that a life makes often. Not there, on purpose:
 *	brk, mremap, mprotect, madvise   musl does with mmap and munmap
 *	futex, rt_sigprocmask, tkill     one thread, and nobody who would send it a signal
 *	nanosleep, poll, select          a life doesn't wait: mf_schedule
 *	clone, fork, execve, wait4       one life, one program
 *	socket and its kin               the hub does the network: mf_reply, mf_emit, mf_call
 *	getuid, setuid, capset           no users
 *	getdents64, chdir, getcwd        attached files have names and no directories: mf_data_at
 *	prlimit64, sysinfo, uname        facts of a machine that would make two equal lives differ */
static const struct {
	uint16_t number;
	long (*call)(const word a[static POSIX_WORDS]);
} calls[] = {
	{9, call_mmap}, {11, call_munmap}, {19, call_readv}, {20, call_writev},
	{228, call_clock_gettime}, {0, call_read}, {1, call_write}, {2, call_open}, {3, call_close},
	{8, call_lseek}, {4, call_stat}, {6, call_stat},        /* lstat: there are no links */
	{5, call_fstat}, {16, not_a_terminal},                  /* ioctl */
	{21, call_access}, {72, call_fcntl}, {39, call_number}, /* getpid */
	{186, call_number},                                     /* gettid */
	{218, call_number},                                     /* set_tid_address */
	{318, call_getrandom}, {231, call_exit},                /* exit_group */
	{60, call_exit}, {76, read_only},                       /* truncate */
	{77, read_only},                                        /* ftruncate */
	{82, read_only},                                        /* rename */
	{83, read_only},                                        /* mkdir */
	{84, read_only},                                        /* rmdir */
	{85, read_only},                                        /* creat */
	{86, read_only},                                        /* link */
	{87, read_only},                                        /* unlink */
	{88, read_only},                                        /* symlink */
	{90, read_only},                                        /* chmod */
};

long mf_posix_call(long number, long a, long b, long c, long d, long e, long f)
{
	const word words[POSIX_WORDS] = {{a}, {b}, {c}, {d}, {e}, {f}};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].number == number)
			return calls[i].call(words);
	return -POSIX_ENOSYS;
}
