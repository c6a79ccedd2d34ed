/* client/blas/finish.h - what remains of gesv, posv and gels when the service has given their factors. */
#ifndef CLIENT_BLAS_FINISH_H
#define CLIENT_BLAS_FINISH_H

#include "client/blas/call.h"

/* Nothing for other routines. *info becomes what the rest says. */
void finish(const struct call *call);

#endif
