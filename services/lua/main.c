/*
 * main.c - runs a Lua script. mf_init makes the interpreter's state and runs script.lua, which has to
 * leave a function `main`; so every life begins with the script loaded, and calls main(event).
 *
 *	function main(event)
 *		return "hello " .. event.path         -- body [, status [, content type]]
 *	end
 */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <mayfly.h>

#define SCRIPT "script.lua"

static lua_State *state;

/* Memory is freed by death: nothing is collected until a life has many times as much as it began with. */
#define PAUSE_PERCENT 1000

/* ------------------------------------------------------------------- errors */

/* Of any value that was thrown; with where it happened, down the calls. */
static int explain(lua_State *L)
{
	const char *text = luaL_tolstring(L, 1, NULL);

	luaL_traceback(L, L, text, 1);
	return 1;
}

/* The text on top of the stack: its first line, which says the script's line, to the client; all to the log. */
static void reply_error(lua_State *L)
{
	const char *all = lua_tostring(L, -1);
	size_t n;
	char line[512];

	if (all == NULL)
		all = "an error without a text";
	n = strcspn(all, "\n");
	n = n < sizeof(line) ? n : sizeof(line) - 1;
	memcpy(line, all, n);
	line[n] = '\0';
	for (const char *p = all; *p; p += strcspn(p, "\n"), p += *p == '\n')
		mf_log_at(MF_LEVEL_ERROR, "%.*s", (int)strcspn(p, "\n"), p);
	mf_reply_problem(500, "Script Error", line);
}

/* ------------------------------------------------------------------- mf_init */

/* Which modules `require` finds: attached files; no paths of a machine, no code to load, which the last two
 * searchers look for. */
static void set_path(lua_State *L)
{
	lua_getglobal(L, "package");
	lua_pushliteral(L, "?.lua;?/init.lua");
	lua_setfield(L, -2, "path");
	lua_getfield(L, -1, "searchers");
	for (lua_Integer i = 4; i > 2; i--) {
		lua_pushnil(L);
		lua_seti(L, -2, i);
	}
	lua_pop(L, 2);
}

void mf_init(void)
{
	lua_State *L = luaL_newstate();

	if (L == NULL)
		mf_fail("no memory for Lua: raise memory.window");
	luaL_openlibs(L);
	set_path(L);
	lua_pushcfunction(L, explain);
	if (mf_data(SCRIPT).p == NULL)
		mf_fail("no " SCRIPT " is attached: --data FILE, or data: in hub.yaml");
	if (luaL_loadfile(L, SCRIPT) != LUA_OK || lua_pcall(L, 0, 0, 1) != LUA_OK)
		mf_fail("%s", lua_tostring(L, -1));
	if (lua_getglobal(L, "main") != LUA_TFUNCTION)
		mf_fail(SCRIPT " leaves no function main(event)");
	lua_settop(L, 0);
	lua_gc(L, LUA_GCCOLLECT);
	lua_gc(L, LUA_GCINC, PAUSE_PERCENT, 0, 0);
	state = L;
}

/* ------------------------------------------------------------------- a life */

static void set(lua_State *L, const char *name, struct mf_str value)
{
	lua_pushlstring(L, (const char *)value.p, value.n);
	lua_setfield(L, -2, name);
}

static void push_event(lua_State *L, const struct mf_event *ev)
{
	static const char *const headers[] = {"Accept", "Content-Type", "User-Agent"};

	lua_createtable(L, 0, 12);
	set(L, "id", mf_id(ev));
	set(L, "type", mf_type(ev));
	set(L, "path", mf_subject(ev));
	set(L, "method", mf_method(ev));
	set(L, "query", mf_query(ev));
	set(L, "peer", mf_peer(ev));
	set(L, "content_type", mf_content_type(ev));
	set(L, "body", mf_payload(ev));
	set(L, "client", mf_attribute(ev, MF_CLIENT));
	lua_createtable(L, 0, 3);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (mf_attribute(ev, headers[i]).p != NULL)
			set(L, headers[i], mf_attribute(ev, headers[i]));
	lua_setfield(L, -2, "headers");
}

/* math.random goes on from the life's own seed. */
static void seed(lua_State *L)
{
	lua_getglobal(L, "math");
	lua_getfield(L, -1, "randomseed");
	lua_pushinteger(L, (lua_Integer)mf_random_u64());
	lua_pushinteger(L, (lua_Integer)mf_random_u64());
	lua_call(L, 2, 0);
	lua_pop(L, 1);
}

/* main(event), protected: what it returns becomes the reply. */
static int answer(lua_State *L)
{
	const struct mf_event *ev = lua_touserdata(L, 1);
	const char *body, *type;
	lua_Integer status;
	size_t n;

	seed(L);
	lua_getglobal(L, "main");
	push_event(L, ev);
	lua_call(L, 1, 3);
	body = lua_isnil(L, 2) ? (n = 0, "") : luaL_tolstring(L, 2, &n);
	status = luaL_optinteger(L, 3, lua_isnil(L, 2) ? 204 : 200);
	type = luaL_optstring(L, 4, "text/plain; charset=utf-8");
	if (status < 200 || status > 599)
		return luaL_error(
			L, "main returned the status %I: it has to be 200 to 599", status);
	if (n > mf_reply_most())
		return luaL_error(L, "main returned %I bytes: %I fit", (lua_Integer)n,
			(lua_Integer)mf_reply_most());
	mf_reply((uint32_t)status, n ? type : NULL, body, n);
	return 0;
}

void mf_main(const struct mf_event *ev)
{
	lua_State *L = state;

	lua_pushcfunction(L, explain);
	lua_pushcfunction(L, answer);
	lua_pushlightuserdata(L, (void *)ev);
	if (lua_pcall(L, 1, 0, 1) != LUA_OK)
		reply_error(L);
}
