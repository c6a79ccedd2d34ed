/*
 * client/blas/state.h - what all threads share: the model, and whether the service may be asked. One lock, held for a
 * few comparisons at a time, never while anything is computed or sent. A child made by fork() begins with what its
 * parent knew, and with connections of its own.
 */
#ifndef CLIENT_BLAS_STATE_H
#define CLIENT_BLAS_STATE_H

#include "client/blas/model.h"

/* The first call of any routine: settings, local routines, what was measured another time. Any thread, any number of
 * times. `solver`: LAPACK's are needed too. */
void state_begin(bool solver);

/* The model, locked; state_unlock sets the threshold of that routine anew of which it learned something, all of
 * them with ROUTINES, none with NOTHING. */
#define NOTHING ((enum routine_id)(ROUTINES + 1))
struct model *state_lock(void);
void state_unlock(enum routine_id learned);

/* Why the service isn't asked now; NULL: it may be. */
const char *state_barred(const struct load *load);
/* It couldn't be reached, or would not: not asked for config.retry seconds, twice as long each time; one warning. */
void state_away(const char *why);
/* It answered. */
void state_here(void);
/* It has no such operation, or not for so many bytes (0: for any): that isn't asked for any more. */
void state_lacks(enum service_op op, double bytes);
/* It gave a wrong answer: returns how many those are now. After config.wrong_most it isn't asked any more. */
unsigned state_wrong(void);

#endif
