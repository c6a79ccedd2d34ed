/*
 * hub/pages_deploy.h - `mayfly deploy` and `mayfly rollback` on the admin socket. mayflyd(8) lists the pages.
 */
#ifndef HUB_PAGES_DEPLOY_H
#define HUB_PAGES_DEPLOY_H

#include "hub/http/page.h"

page_answer pages_deploys, pages_deploy, pages_rollback, pages_deploy_piece, pages_deploy_image;

#endif
