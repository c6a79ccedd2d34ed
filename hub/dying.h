/*
 * hub/dying.h - workers that were killed and aren't dead yet: the kernel takes its time to give back what
 * they had, and the loop doesn't wait for it. They are reaped when they are.
 */
#ifndef HUB_DYING_H
#define HUB_DYING_H

struct hub;

/* Takes the pidfd of a child that was killed; -1: there is none. group: of the child, as in struct
 * service; it is removed when the child is dead. */
void dying_take(struct hub *hub, int pidfd, int group);
/* Waits for all of them. */
void dying_close(struct hub *hub);

#endif
