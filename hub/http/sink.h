/*
 * hub/http/sink.h - bodies that are not kept as a whole: who takes a request's as it comes, and who gives an
 * answer's as it goes. Both lie in something larger of their owner, and are called on the loop's thread.
 */
#ifndef HUB_HTTP_SINK_H
#define HUB_HTTP_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct sink;
struct stream;

/* Set in exchange_admit, as conn->sink. When the body is whole, exchange_run finds it there, takes it (conn->sink =
 * NULL) and gets an empty body. Otherwise it is dropped. */
struct sink_ops {
	/* Where the next bytes go, and how many may. NULL: none at the moment; conn_settle is called when they may. */
	uint8_t *(*room)(struct sink *sink, size_t *n);
	/* So many are there. False: no more are wanted, and the request was answered. */
	bool (*took)(struct sink *sink, struct conn *conn, size_t n);
	/* The body won't be whole: the sink is its own again. */
	void (*drop)(struct sink *sink);
};
struct sink {
	const struct sink_ops *ops;
};

/* For send_stream. */
struct stream_ops {
	/* What goes next. NULL: nothing at the moment; conn_stream is called when there is. */
	const uint8_t *(*next)(struct stream *stream, size_t *n);
	void (*sent)(struct stream *stream, size_t n);
	/* All was sent, or the connection is gone. */
	void (*drop)(struct stream *stream);
};
#define STREAM_ENDLESS (1ull << 62)
struct stream {
	const struct stream_ops *ops;
	/* Bytes to send; send.c counts down. From STREAM_ENDLESS on nobody knows yet, no length is said, and whoever gives the
	 * bytes says later how many are left; the connection isn't kept alive. */
	uint64_t left;
};

#endif
