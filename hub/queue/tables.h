/* hub/queue/tables.h - what the queue's database holds, and the statements on it. Private to hub/queue. */
#ifndef HUB_QUEUE_TABLES_H
#define HUB_QUEUE_TABLES_H

#include "store/sql.h"

enum queue_statement {
	BY_INDEX,
	SAY_READY,
	SAY_OWNERS,
	HUB_COMES,
	HUB_TAKEN_BEFORE,
	HUB_OFFERED_BEFORE,
	HUB_SEEN,
	HUB_LEAVES,
	HUBS,
	HUBS_OLD,
	JOBS_OLD,
	OFFER_JOBS,
	OFFER,
	RECALL,
	REMOVE,
	CANCEL,
	TELL,
	BACK,
	RENEW,
	OVERDUE,
	TAKE,
	ENDED,
	JOBS_EMPTY,
	COUNT,
	QUEUE_STATEMENTS
};

extern const struct sql_schema queue_schema;

#endif
