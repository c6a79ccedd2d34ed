/*
 * A stand-in for mayfly-worker, for tests of the hub's side: the test program starts itself
 * again as its own worker. The service's name says how it behaves.
 */
#ifndef TESTS_UNIT_HUB_FAKE_WORKER_H
#define TESTS_UNIT_HUB_FAKE_WORKER_H

struct nursery;

/* First thing in main(): returns only if this process is not a worker. */
void fake_worker_if_asked(int argc, char **argv);

/* This program. */
#define FAKE_WORKER "/proc/self/exe"

/* Starts it; the same one each time. */
struct nursery *fake_nursery(void);

/*
 * Names:
 *	echo        replies with the payload
 *	no-reply    lives end well without a reply
 *	fail        gives up at the start, with a message
 *	die-early   exits before it is ready
 *	die-once    exits at its first life, unless the event is a retry
 *	die-always  exits at every life
 *	backwards   keeps what comes until an event begins with a z, then answers the last first;
 *	            from then on as echo
 *	silent      is ready and answers nothing
 *	never-ready does nothing at all
 *	crash       every life crashes, a page fault
 *	crash-once  the same, unless the event is a retry
 *	crash-q     crashes at an event that begins with a q, else as echo
 *	log-fail    every life logs, then gives up
 *	emit        every life asks for an emit
 *	put         every life puts "k" to its payload and replies "done"
 *	put-if      the same if "k" has version 7
 *	later       every life schedules "x" in 1 ms, unless it is that: then as put
 *	stranger    answers for a slot that it doesn't have
 *	twice       answers twice for the same slot
 *	far-tail    says that there are more messages than fit
 *	big-effects claims more effects than the area has
 *	bad-kind    sends a message of no known kind
 *	bad-result  sends a result of no known number
 *	bad-effects leaves nonsense in the effects area
 *	waker       wakes the hub all the time for nothing
 *	scribble    overwrites all of the shared memory after each life
 *	told-unasked tells of a life on a socket that it never had
 *	own-echo    as echo, and echoes datagrams on its own socket
 *	own-fails   takes its datagrams and says that every life crashed
 *	own-dies    exits at the first datagram
 *	own-stays   doesn't leave its socket when it is told to
 *	own-wrong   leaves, but says so in answer to something else
 *	own-early   says that it left, unasked
 *	own-lies    counts nonsense, then less, and tells nonsense within bounds
 *	own-level   tells of a log of no known level
 *	own-slot    tells of a life that isn't there
 *	call        each life calls echo with "what", and replies with what it answers
 *	call-secret calls secret instead
 *	call-nothing stands still without a call; call-two: for two of them
 *	call-again  says twice that it does
 *	call-deny   leaves no word of its call in the end; call-more: of one that it didn't make
 *	call-die    exits when it has the answer, unless the event is a retry
 *	talk        writes lines with control characters to its standard error
 */

#endif
