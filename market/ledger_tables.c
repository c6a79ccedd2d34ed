/*
 * market/ledger_tables.c - what the ledger's database holds, and the statements on it, for both databases. Parameters come
 * in the order of their numbers: SQLite counts them as they come.
 */
#include "market/ledger_inner.h"

/* Integers of 64 bits, bytes, a number that is the row's own, and what stands behind a table that has no other. */
#define TABLES(INT, BYTES, NUMBER, END)                                                            \
	"CREATE TABLE head(one " NUMBER ", number " INT " NOT NULL, hash " BYTES                   \
	" NOT NULL, currency TEXT NOT NULL);"                                                      \
	"CREATE TABLE plan(name TEXT NOT NULL PRIMARY KEY, credit " INT " NOT NULL, day_most " INT \
	" NOT NULL, rate " INT " NOT NULL, at_once " INT " NOT NULL)" END ";"                      \
	"CREATE TABLE account(number " NUMBER ", name TEXT NOT NULL UNIQUE, plan TEXT NOT NULL"    \
	" REFERENCES plan(name), balance " INT " NOT NULL, held " INT " NOT NULL, credit " INT     \
	", day_most " INT ", closed " INT " NOT NULL, made " INT " NOT NULL);"                     \
	"CREATE TABLE keys(number " NUMBER ", account " INT                                        \
	" NOT NULL REFERENCES account(number), shown TEXT NOT NULL, hash " BYTES                   \
	" NOT NULL UNIQUE, services TEXT NOT NULL, made " INT " NOT NULL, expires " INT            \
	" NOT NULL, revoked " INT " NOT NULL, most " INT " NOT NULL, day_most " INT                \
	" NOT NULL, spent " INT " NOT NULL, held " INT " NOT NULL, replaces " INT " NOT NULL);"    \
	"CREATE TABLE entry(number " NUMBER ", at " INT " NOT NULL, kind " INT                     \
	" NOT NULL, account " INT " NOT NULL, refers " INT " NOT NULL, charge " BYTES              \
	" NOT NULL, note TEXT NOT NULL, hash " BYTES " NOT NULL);"                                 \
	"CREATE TABLE posting(entry " INT " NOT NULL, line " INT " NOT NULL, book " INT            \
	" NOT NULL, account " INT " NOT NULL, amount " INT                                         \
	" NOT NULL, PRIMARY KEY(entry, line))" END ";"                                             \
	"CREATE TABLE charge(entry " NUMBER ", account " INT " NOT NULL, key " INT                 \
	" NOT NULL, idempotency " BYTES " NOT NULL, body " BYTES " NOT NULL, amount " INT          \
	" NOT NULL, at " INT " NOT NULL, status " INT                                              \
	" NOT NULL, type TEXT NOT NULL, answer " BYTES " NOT NULL, receipt " BYTES                 \
	" NOT NULL, UNIQUE(account, idempotency));"                                                \
	"CREATE TABLE hold(account " INT " NOT NULL, idempotency " BYTES " NOT NULL, key " INT     \
	" NOT NULL, body " BYTES " NOT NULL, amount " INT " NOT NULL, until " INT                  \
	" NOT NULL, PRIMARY KEY(account, idempotency))" END ";"                                    \
	"CREATE TABLE spent(account " INT " NOT NULL, key " INT " NOT NULL, day " INT              \
	" NOT NULL, amount " INT " NOT NULL, PRIMARY KEY(account, key, day))" END ";"              \
	"CREATE INDEX entry_refers ON entry(refers) WHERE refers > 0;"                             \
	"INSERT INTO plan VALUES('prepaid', 0, 9223372036854775807, 0, 0);"

#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

#define PLAN_COLUMNS "name, credit, day_most, rate, at_once"
#define ACCOUNT_SELECT                                                                             \
	"SELECT a.number, a.name, a.plan, a.balance, a.held, COALESCE(a.credit, p.credit),"        \
	" COALESCE(a.day_most, p.day_most), a.closed, a.made"                                      \
	" FROM account a JOIN plan p ON p.name = a.plan"
#define KEY_SELECT                                                                                 \
	"SELECT number, account, shown, hash, services, made, expires, revoked, most, day_most,"   \
	" spent, held, replaces FROM keys"

#define ENTRY_SELECT                                                                               \
	"SELECT e.number, e.at, e.kind, e.account, e.refers, e.charge, e.note, e.hash,"            \
	" p.line, p.book, p.account, p.amount"                                                     \
	" FROM entry e LEFT JOIN posting p ON p.entry = e.number"

static const char *const statements[STATEMENTS] = {
	[HEAD] = "UPDATE head SET one = one WHERE one = 1 RETURNING number, hash, currency",
	[HEAD_PUT] = "UPDATE head SET number = $1, hash = $2, currency = $3 WHERE one = 1",
	[HEAD_LOOK] = "SELECT number, hash, currency FROM head WHERE one = 1",
	[PLAN_PUT] = "INSERT INTO plan(" PLAN_COLUMNS ") VALUES($1, $2, $3, $4, $5)"
		     " ON CONFLICT(name) DO UPDATE SET credit = excluded.credit,"
		     " day_most = excluded.day_most, rate = excluded.rate,"
		     " at_once = excluded.at_once",
	[PLAN_GET] = "SELECT " PLAN_COLUMNS " FROM plan WHERE name = $1",
	[PLAN_REMOVE] = "DELETE FROM plan WHERE name = $1",
	[PLAN_USERS] = "SELECT number FROM account WHERE plan = $1 LIMIT 1",
	[PLANS] = "SELECT " PLAN_COLUMNS " FROM plan ORDER BY name",
	[ACCOUNT_ADD] = "INSERT INTO account(number, name, plan, credit, day_most, made, balance,"
			" held, closed) SELECT COALESCE(MAX(number), 0) + 1, $1, $2, $3, $4, $5,"
			" 0, 0, 0 FROM account RETURNING number",
	[ACCOUNT_GET] = ACCOUNT_SELECT " WHERE a.name = $1",
	[ACCOUNT_SET] = "UPDATE account SET plan = $1, closed = $2,"
			" credit = CASE WHEN $3 = 1 THEN $4 ELSE credit END,"
			" day_most = CASE WHEN $5 = 1 THEN $6 ELSE day_most END"
			" WHERE number = $7",
	[ACCOUNTS] = ACCOUNT_SELECT " ORDER BY a.number",
	[KEY_ADD] = "INSERT INTO keys(number, account, shown, hash, services, made, expires, most,"
		    " day_most, replaces, revoked, spent, held)"
		    " SELECT COALESCE(MAX(number), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9,"
		    " 0, 0, 0 FROM keys RETURNING number",
	[KEY_FIND] = KEY_SELECT " WHERE hash = $1",
	[SUBSCRIBER] = "SELECT k.number, k.account, a.name, p.rate, p.at_once, a.balance, a.held,"
		       " COALESCE(a.credit, p.credit), k.most, k.spent, k.held"
		       " FROM keys k JOIN account a ON a.number = k.account"
		       " JOIN plan p ON p.name = a.plan WHERE k.hash = $1",
	[KEY_GET] = KEY_SELECT " WHERE number = $1",
	[KEY_EXPIRE] = "UPDATE keys SET expires = $1 WHERE number = $2",
	[KEY_REVOKE] = "UPDATE keys SET revoked = $1 WHERE number = $2 AND revoked = 0",
	[KEYS] = KEY_SELECT " WHERE account = $1 OR $1 = 0 ORDER BY number",
	[ENTRY_ADD] = "INSERT INTO entry(number, at, kind, account, refers, charge, note, hash)"
		      " VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
	[POSTING_ADD] = "INSERT INTO posting(entry, line, book, account, amount)"
			" VALUES($1, $2, $3, $4, $5)",
	[POSTINGS_ADD] = "INSERT INTO posting(entry, line, book, account, amount)"
			 " VALUES($1, 0, $2, $3, $4), ($1, 1, $5, $6, $7)",
	[BALANCE_ADD] = "UPDATE account SET balance = balance + $1 WHERE number = $2"
			" RETURNING balance",
	[BALANCE_HELD] = "UPDATE account SET balance = balance + $1, held = held + $2"
			 " WHERE number = $3",
	[ENTRIES] = ENTRY_SELECT " WHERE e.number >= $1 ORDER BY e.number, p.line",
	[ENTRY_ONE] = ENTRY_SELECT " WHERE e.number = $1 ORDER BY p.line",
	[VOID_OF] = "SELECT number FROM entry WHERE refers = $1 AND refers > 0 AND kind = 4",
	[STANDING] = "SELECT k.account, k.services, k.expires, k.revoked, k.most, k.day_most,"
		     " k.spent, k.held, a.balance, a.held, a.closed,"
		     " COALESCE(a.credit, p.credit), COALESCE(a.day_most, p.day_most),"
		     " COALESCE((SELECT amount FROM spent WHERE account = a.number AND key = 0"
		     " AND day = $1), 0),"
		     " COALESCE((SELECT amount FROM spent WHERE account = a.number"
		     " AND key = k.number AND day = $1), 0),"
		     " h.body, h.amount, h.key,"
		     " c.body, c.entry, c.amount, c.status, c.type, c.answer, c.receipt"
		     " FROM keys k JOIN account a ON a.number = k.account"
		     " JOIN plan p ON p.name = a.plan"
		     " LEFT JOIN hold h ON h.account = k.account AND h.idempotency = $2"
		     " LEFT JOIN charge c ON c.account = k.account AND c.idempotency = $2"
		     " WHERE k.number = $3",
	[CHARGE_ADD] = "INSERT INTO charge(entry, account, key, idempotency, body, amount, at,"
		       " status, type, answer, receipt)"
		       " VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
	[HOLD_ADD] = "INSERT INTO hold(account, idempotency, key, body, amount, until)"
		     " VALUES($1, $2, $3, $4, $5, $6)",
	[HOLD_UNTIL] = "UPDATE hold SET until = $1 WHERE account = $2 AND idempotency = $3",
	[HOLD_REMOVE] = "DELETE FROM hold WHERE account = $1 AND idempotency = $2"
			" RETURNING amount, key",
	[HOLDS_OLD] = "SELECT account, idempotency FROM hold WHERE until < $1 LIMIT 1",
	[SPENT_HELD] = "UPDATE keys SET spent = spent + $1, held = held + $2 WHERE number = $3",
	[SPENT_ADD] = "INSERT INTO spent(account, key, day, amount)"
		      " VALUES($1, 0, $2, $3), ($1, $4, $2, $3) ON CONFLICT(account, key, day)"
		      " DO UPDATE SET amount = spent.amount + excluded.amount",
	[CHARGES] = "SELECT c.entry, c.account, c.key, c.idempotency, c.body, c.amount, c.at,"
		    " c.status, c.type, c.answer, c.receipt, e.charge, e.account, e.kind, e.at,"
		    " (SELECT -p.amount FROM posting p WHERE p.entry = c.entry AND p.line = 0)"
		    " FROM charge c LEFT JOIN entry e ON e.number = c.entry ORDER BY c.entry",
	[SPENT_ALL] = "SELECT account, key, day, amount FROM spent",
	[COUNTS] = "SELECT (SELECT COUNT(*) FROM posting), (SELECT MAX(number) FROM account),"
		   " (SELECT MAX(number) FROM keys)",
	[MOVES] = "SELECT e.number, e.at, e.kind, e.account, e.refers, e.note, p.amount, a.name,"
		  " c.receipt, o.kind, o.at FROM entry e"
		  " JOIN posting p ON p.entry = e.number AND p.book = 1"
		  " JOIN account a ON a.number = e.account"
		  " LEFT JOIN entry o ON o.number = e.refers"
		  " LEFT JOIN charge c"
		  " ON c.entry = CASE WHEN e.kind = 4 THEN e.refers ELSE e.number END"
		  " WHERE e.number >= $1 AND e.number <= $2 AND (e.account = $3 OR $3 = 0)"
		  " ORDER BY e.number",
};

const struct sql_schema ledger_schema = {
	.application = 0x6d666c67, /* "mflg" */
	.version = 1,
	.sqlite = TABLES("INTEGER", "BLOB", "INTEGER PRIMARY KEY",
		" WITHOUT ROWID") "INSERT INTO head VALUES(1, 0, x'" NO_HASH "', '');",
	.postgres = TABLES("BIGINT", "BYTEA", "BIGINT PRIMARY KEY",
		"") "INSERT INTO head VALUES(1, 0, '\\x" NO_HASH "', '');",
	.hears = "mayfly_ledger",
	.statements = statements,
	.count = STATEMENTS,
};
