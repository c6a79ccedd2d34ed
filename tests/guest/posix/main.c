/*
 * posix - a service on musl. The payload is the name of what to do; the reply, or the log, says what came of
 * it. mf_init fills what every life must find as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <mayfly.h>

#define KEPT (64u << 10)

static char *kept, text[1000];
static time_t init_time;

void mf_init(void)
{
	kept = malloc(KEPT);
	memset(kept, 'k', KEPT);
	init_time = time(NULL);
	printf("mf_init was here\n");
}

static void say(const char *what, long value)
{
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %ld\n", what, value);
}

/* What another life changed would show. */
static void look(void)
{
	unsigned sum = 0;
	char *more = malloc(100000);

	for (unsigned i = 0; i < KEPT; i++)
		sum += kept[i] == 'k';
	say("kept", sum);
	memset(kept, 'x', KEPT);
	memset(more, 'x', 100000);
	say("zero", ((char *)calloc(1, 5000))[4999]);
	free(more);
	say("errno", errno);
	errno = EDOM;
	say("init time", init_time);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.3f %s", 3.14159, "done");
}

static void exhaust(void)
{
	size_t got = 0;

	while (malloc(10000) != NULL)
		got++;
	say("errno", errno);
	say("some", got > 40 && got < 100);
	for (unsigned i = 0; i < 1000; i++)
		free(malloc(5000));
	say("too large", malloc((size_t)1 << 50) == NULL);
}

/* Of random sizes and in random order: each keeps its own bytes. */
static void churn(void)
{
	static struct {
		unsigned char *p;
		size_t n;
	} block[64];
	unsigned wrong = 0, failed = 0, seed = 1;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned k = (unsigned)rand_r(&seed) % 64;

		for (size_t j = 0; j < block[k].n; j++)
			wrong += block[k].p[j] != k;
		if (rand_r(&seed) % 3 == 0) {
			free(block[k].p);
			block[k].p = NULL;
			block[k].n = 0;
			continue;
		}
		block[k].n = (unsigned)rand_r(&seed) % (rand_r(&seed) % 8 ? 500 : 20000);
		block[k].p = realloc(block[k].p, block[k].n);
		if (block[k].p == NULL && block[k].n > 0)
			failed++, block[k].n = 0;
		memset(block[k].p, (int)k, block[k].n);
	}
	say("wrong", wrong);
	say("failed", failed);
}

static void files(void)
{
	FILE *f = fopen("greeting.txt", "r");
	struct stat st;

	say("open", f != NULL);
	if (f != NULL) {
		fseek(f, 6, SEEK_SET);
		if (fgets(text + strlen(text), 100, f) == NULL)
			say("fgets", errno);
		say("at", ftell(f));
		say("fstat", fstat(fileno(f), &st) == 0 ? (long)st.st_size : -1);
		fclose(f);
	}
	say("stat", stat("/greeting.txt", &st) == 0 ? (long)st.st_mode : -1);
	say("none", fopen("/etc/passwd", "r") == NULL ? errno : 0);
	say("write", fopen("greeting.txt", "w") == NULL ? errno : 0);
	say("unlink", unlink("greeting.txt") < 0 ? errno : 0);
	say("mkdir", mkdir("d", 0777) < 0 ? errno : 0);
	say("ioctl", isatty(1) ? 0 : errno);
	say("closed", close(99) < 0 ? errno : 0);
	for (long i = 3;; i++)
		if (open("greeting.txt", O_RDONLY) < 0) {
			say("too many", errno);
			break;
		}
}

static void clocks(void)
{
	struct timespec t;

	say("time", (long)time(NULL));
	clock_gettime(CLOCK_MONOTONIC, &t);
	say("elapsed", (long)(t.tv_sec * 1000000000 + t.tv_nsec > 0));
	say("clock", (long)clock());
	say("unknown", clock_gettime(77, &t) < 0 ? errno : 0);
	strftime(text + strlen(text), 100, "%F %T", gmtime(&(time_t){1700000000}));
}

static void randoms(void)
{
	unsigned char a[16];

	say("getrandom", getrandom(a, sizeof(a), 0));
	for (unsigned i = 0; i < sizeof(a); i++)
		snprintf(text + strlen(text), 3, "%02x", a[i]);
}

/* Everything that was said, in pieces that are no lines. */
static void logs(void)
{
	fprintf(stderr, "to %s", "stderr");
	fputs(": one line\n", stderr);
	printf("to stdout\nand the rest of it");
}

static void input(void)
{
	char word[20], other[20];

	say("words", scanf("%19s %19s", word, other));
	strcat(text, other);
}

static void leave_by_assert(void)
{
	fprintf(stderr, "about to abort\n");
	abort();
}

static const struct {
	const char *name;
	void (*run)(void);
} acts[] = {
	{"look", look},
	{"exhaust", exhaust},
	{"churn", churn},
	{"files", files},
	{"clocks", clocks},
	{"randoms", randoms},
	{"logs", logs},
	{"input", input},
	{"abort", leave_by_assert},
};

void mf_main(const struct mf_event *ev)
{
	struct mf_str payload = mf_payload(ev);

	if (mf_str_is(payload, "exit 0")) {
		mf_reply_text("left by exit\n");
		puts("written by exit");
		exit(0);
	}
	if (mf_str_is(payload, "exit 3"))
		exit(3);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (payload.n >= strlen(acts[i].name) &&
			memcmp(payload.p, acts[i].name, strlen(acts[i].name)) == 0)
			acts[i].run();
	mf_reply_text(text);
}
