/*
 * store/pq.h - libpq, PostgreSQL's library, loaded when it is needed: its functions as members of `pq`. For
 * store/sql_pg.c, and whatever else speaks with a server of its own. Any thread may load it.
 */
#ifndef STORE_PQ_H
#define STORE_PQ_H

#include <postgresql/libpq-fe.h>
#include <stdbool.h>

#include "store/sql.h"

extern struct pq {
	__typeof__(&PQconnectdbParams) connect;
	__typeof__(&PQreset) reset;
	__typeof__(&PQfinish) finish;
	__typeof__(&PQstatus) status;
	__typeof__(&PQerrorMessage) error_message;
	__typeof__(&PQexec) exec;
	__typeof__(&PQenterPipelineMode) pipeline;
	__typeof__(&PQsendPrepare) prepare;
	__typeof__(&PQsendQueryPrepared) send;
	__typeof__(&PQpipelineSync) sync;
	__typeof__(&PQsetSingleRowMode) one_by_one;
	__typeof__(&PQgetResult) next;
	__typeof__(&PQsocket) socket;
	__typeof__(&PQconsumeInput) consume;
	__typeof__(&PQnotifies) notifies;
	__typeof__(&PQfreemem) free;
	__typeof__(&PQresultStatus) result_status;
	__typeof__(&PQresultErrorField) result_field;
	__typeof__(&PQclear) clear;
	__typeof__(&PQntuples) rows;
	__typeof__(&PQnfields) columns;
	__typeof__(&PQftype) type;
	__typeof__(&PQgetisnull) is_null;
	__typeof__(&PQgetvalue) value;
	__typeof__(&PQgetlength) length;
	__typeof__(&PQcmdStatus) command;
	__typeof__(&PQcmdTuples) changed;
} pq;

/* -ELIBACC with one line in error: there is none, or one older than PostgreSQL 14's. */
int pq_load(char error[static SQL_ERROR_MAX]);
/* One of sql.h's errors, of a result that isn't good. */
int pq_error(const PGresult *result);
bool pq_well(const PGresult *result);

#endif
