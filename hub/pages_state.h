/*
 * hub/pages_state.h - services' state as `mayfly state` asks for it:
 *
 *	GET  /v1/state?service=S[&prefix=P][&after=K]   keys, PAGES_STATE_KEYS at a time, as they are committed
 *	GET  /v1/state/get?service=S&key=K              a value, as it is committed
 *	POST /v1/state/put?service=S&key=K[&if_version=N]    the body is put there
 *	POST /v1/state/rm?service=S&key=K[&if_version=N]     it is deleted
 *
 * A page doesn't wait: what is put is committed soon after, which whoever asks sees by its version.
 */
#ifndef HUB_PAGES_STATE_H
#define HUB_PAGES_STATE_H

#include "hub/http/page.h"

#define PAGES_STATE_KEYS 500u

page_answer pages_state_list, pages_state_get, pages_state_put, pages_state_remove;

#endif
