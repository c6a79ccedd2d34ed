/*
 * cli/hub/remote.h - a hub that is asked over the network: https, a token from a file, certificates.
 */
#ifndef CLI_HUB_REMOTE_H
#define CLI_HUB_REMOTE_H

#include "cli/hub/client.h"
#include "cli/hub/curl.h"

/* Is it an address and no socket's path? */
bool remote_is(const char *hub);
/* Fills in url and token of the client; options that lack something are said: an exit status. */
int remote_open(struct client *client, const char *hub);
void remote_close(struct client *client);
/* What libcurl has to know. `error` has CURL_ERROR_SIZE bytes and must stay. */
void remote_set(const struct client *client, const struct curl_functions *f, char *error);
/* Why there is no answer. */
int remote_unreachable(const struct client *client, CURLcode rc, const char *error);

#endif
