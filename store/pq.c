/* store/pq.c - see pq.h */
#include "store/pq.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "sys/library.h"

struct pq pq;
static void *loaded;

int pq_load(char error[static SQL_ERROR_MAX])
{
#define FUNCTION(name, member)                                                                     \
	{                                                                                          \
		name, offsetof(struct pq, member)                                                  \
	}
	static const struct library_function functions[] = {FUNCTION("PQconnectdbParams", connect),
		FUNCTION("PQreset", reset), FUNCTION("PQfinish", finish),
		FUNCTION("PQstatus", status), FUNCTION("PQerrorMessage", error_message),
		FUNCTION("PQexec", exec), FUNCTION("PQenterPipelineMode", pipeline),
		FUNCTION("PQsendPrepare", prepare), FUNCTION("PQsendQueryPrepared", send),
		FUNCTION("PQpipelineSync", sync), FUNCTION("PQsetSingleRowMode", one_by_one),
		FUNCTION("PQgetResult", next), FUNCTION("PQsocket", socket),
		FUNCTION("PQconsumeInput", consume), FUNCTION("PQnotifies", notifies),
		FUNCTION("PQfreemem", free), FUNCTION("PQresultStatus", result_status),
		FUNCTION("PQresultErrorField", result_field), FUNCTION("PQclear", clear),
		FUNCTION("PQntuples", rows), FUNCTION("PQnfields", columns),
		FUNCTION("PQftype", type), FUNCTION("PQgetisnull", is_null),
		FUNCTION("PQgetvalue", value), FUNCTION("PQgetlength", length),
		FUNCTION("PQcmdStatus", command), FUNCTION("PQcmdTuples", changed), {NULL, 0}};
	static const struct library library = {"libpq", "libpq.so.5", "libpq5", functions};

	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	int e = 0;

	(void)pthread_mutex_lock(&one_at_a_time);
	if (!loaded)
		e = library_load(&library, &pq, &loaded, error, SQL_ERROR_MAX);
	(void)pthread_mutex_unlock(&one_at_a_time);
	return e < 0 ? -ELIBACC : 0;
}

/* SQLSTATE, PostgreSQL's Appendix A. */
int pq_error(const PGresult *result)
{
	static const struct {
		const char *state; /* its first letters */
		int error;
	} states[] = {{"22", -EINVAL}, {"23505", -EEXIST}, {"53100", -ENOSPC}, {"53200", -ENOMEM},
		{"40", -EBUSY}, {"55P03", -EBUSY}, {"25006", -EROFS}, {"42501", -EACCES},
		{"57P", -ECONNRESET}, {"XX", -EUCLEAN}};
	const char *state = pq.result_field(result, PG_DIAG_SQLSTATE);

	for (size_t i = 0; state && i < sizeof(states) / sizeof(*states); i++)
		if (strncmp(state, states[i].state, strlen(states[i].state)) == 0)
			return states[i].error;
	return -EIO;
}

bool pq_well(const PGresult *result)
{
	ExecStatusType status = pq.result_status(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
		status == PGRES_SINGLE_TUPLE;
}
