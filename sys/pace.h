/*
 * sys/pace.h - TCP within this machine, which isn't paced.
 *
 * Where the machine's congestion control is one that paces (net.ipv4.tcp_congestion_control: bbr), it does so over the
 * loopback too, where nothing can be congested: 16 MiB take 8 ms instead of 3 (docs/decisions/064). Reno, which every
 * kernel has and every user may choose, sends as fast as the other side reads.
 */
#ifndef SYS_PACE_H
#define SYS_PACE_H

#include <stdbool.h>
#include <sys/socket.h>

/* 127.0.0.0/8 and ::1, also as IPv6 writes the former. */
bool pace_is_loopback(const struct sockaddr *address);
/* For a stream socket whose other side has that address; nothing for others. It goes on as it was if the kernel
 * refuses. */
void pace_not(int fd, const struct sockaddr *peer);

#endif
