/*
 * bench/percall.c - a server that starts a process for every request: what bench/hub compares
 * lives with. One thread on the same loop as the hub's; posix_spawn of a CGI program, its output
 * through a pipe, the reply when it has closed it. Of HTTP only what wrk sends: requests without
 * a body, one at a time on a connection.
 *
 *	percall ADDRESS PROGRAM
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/fd.h"
#include "sys/loop.h"
#include "sys/net.h"

#define ROOM 8192u

struct conn {
	struct loop_source client, child;
	int fd, pipe;
	pid_t pid;
	size_t in_n, out_n;
	char in[ROOM], out[ROOM];
};

static struct loop *loop;
static struct loop_source acceptable;
static int listener;
static const char *program;

static void end(struct conn *c)
{
	if (c->pipe >= 0)
		loop_remove(loop, c->pipe, &c->child);
	loop_remove(loop, c->fd, &c->client);
	fd_close(&c->pipe);
	fd_close(&c->fd);
	if (c->pid > 0)
		waitpid(c->pid, NULL, 0);
	free(c);
}

/* -------------------------------------------------------------------- the reply */

static void reply(struct conn *c)
{
	char text[ROOM + 256];
	char *body = memmem(c->out, c->out_n, "\r\n\r\n", 4);
	size_t head, n;

	if (!body) {
		end(c);
		return;
	}
	head = (size_t)(body - c->out) + 2;
	body += 4;
	n = c->out_n - (size_t)(body - c->out);
	n = (size_t)snprintf(text, sizeof(text),
		"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%.*s\r\n%.*s", n, (int)head, c->out,
		(int)n, body);
	if (write(c->fd, text, n) != (ssize_t)n)
		end(c);
}

static void on_child(struct loop_source *source, uint32_t events)
{
	struct conn *c = LOOP_OWNER(source, struct conn, child);
	ssize_t n = read(c->pipe, c->out + c->out_n, ROOM - c->out_n);

	(void)events;
	if (n > 0) {
		c->out_n += (size_t)n;
		return;
	}
	loop_remove(loop, c->pipe, &c->child);
	fd_close(&c->pipe);
	waitpid(c->pid, NULL, 0);
	c->pid = 0;
	reply(c);
}

/* ------------------------------------------------------------------ the process */

static int start(struct conn *c, const char *path)
{
	char info[ROOM], *const argv[] = {(char *)(uintptr_t)program, NULL};
	char *const envp[] = {info, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], err;

	snprintf(info, sizeof(info), "PATH_INFO=%s", path);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	err = -posix_spawn(&c->pid, program, &actions, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	c->pipe = ends[0];
	c->out_n = 0;
	return err < 0 ? err : loop_add(loop, c->pipe, EPOLLIN, &c->child);
}

static void on_client(struct loop_source *source, uint32_t events)
{
	struct conn *c = LOOP_OWNER(source, struct conn, client);
	ssize_t n = read(c->fd, c->in + c->in_n, ROOM - 1 - c->in_n);
	char *path, *path_end;

	(void)events;
	if (n <= 0) {
		end(c);
		return;
	}
	c->in_n += (size_t)n;
	c->in[c->in_n] = '\0';
	if (!strstr(c->in, "\r\n\r\n"))
		return;
	path = strchr(c->in, ' ');
	path_end = path ? strchr(path + 1, ' ') : NULL;
	c->in_n = 0;
	if (!path_end) {
		end(c);
		return;
	}
	*path_end = '\0';
	if (start(c, path + 1) < 0)
		end(c);
}

static void on_acceptable(struct loop_source *source, uint32_t events)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct conn *c = fd < 0 ? NULL : calloc(1, sizeof(*c));

	(void)source;
	(void)events;
	if (!c)
		return;
	c->fd = fd;
	c->pipe = -1;
	c->client.ready = on_client;
	c->child.ready = on_child;
	if (loop_add(loop, fd, EPOLLIN, &c->client) < 0)
		end(c);
}

int main(int argc, char **argv)
{
	struct net_address address;

	if (argc != 3 || net_parse(&address, argv[1]) < 0) {
		fprintf(stderr, "usage: percall ADDRESS PROGRAM\n");
		return 2;
	}
	program = argv[2];
	acceptable.ready = on_acceptable;
	listener = net_bind(&address, SOCK_STREAM);
	if (listener < 0 || loop_open(&loop) < 0 ||
		loop_add(loop, listener, EPOLLIN, &acceptable) < 0) {
		fprintf(stderr, "percall: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return loop_run(loop) < 0;
}
