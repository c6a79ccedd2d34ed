"""The module posix: musl in a guest, what it has and what it refuses; services/lua, which is built on it."""

import json

import pytest

from conftest import BUILD, run
from hubs import service as entry
from web import Web

if not (BUILD / "lib/posix/libc.a").exists():
    pytest.skip("musl's sources are not to be had here, so there is no module posix",
                allow_module_level=True)

GUEST = BUILD / "guest/posix.mfy"
LUA = BUILD / "services/lua.mfy"
MANIFEST = 'mayfly: 1\nname: sample\nversion: "1.0"\nmodules: [posix]\n' \
           "memory: {stack: 16KiB, window: 128KiB}\n"
MAIN = "#include <mayfly.h>\n%s\nvoid mf_main(const struct mf_event *ev)\n{\n\t(void)ev;\n\t%s\n}\n"


@pytest.fixture
def ask(tmp_path, backend):
    """ask(PAYLOAD, ...) -> what `mayfly run -o json` says of the life, exit status and reply beside"""
    def make(payload, *options, image=GUEST):
        event = tmp_path / "event"
        event.write_bytes(payload if isinstance(payload, bytes) else payload.encode())
        greeting = tmp_path / "greeting.txt"
        greeting.write_text("hello world\n")
        done = run(BUILD / "mayfly", "run", image, "--backend", backend, "--event", event, "-o", "json",
                   "--data", greeting, *options)
        return json.loads(done.stdout)
    return make


def reply(life):
    import base64
    assert life["result"] == "ok", life
    return base64.b64decode(life["reply_base64"]).decode()


def logs(life):
    return [(log["level"], log["text"]) for log in life["logs"]]


# ------------------------------------------------------------------------ a C library


def test_memory_of_lives_and_of_mf_init(ask, backend, tmp_path):
    """What one life did to memory, streams and errno, no other finds: 30 lives in one shell."""
    life = ask("look")
    lines = reply(life).splitlines()
    assert lines[0] == "kept 65536" and lines[1] == "zero 0"
    assert lines[3:] == ["init time 0", "3.142 done"]
    done = run(BUILD / "mayfly", "bench", GUEST, "--backend", backend, "--event", tmp_path / "event",
               "--data", tmp_path / "greeting.txt", "-n", 30)
    assert done.returncode == 0 and "every reply the same" in done.stdout, done.stdout + done.stderr


def test_malloc(ask):
    assert "wrong 0\nfailed 0\n" in reply(ask("churn"))
    assert reply(ask("exhaust")).endswith("errno 12\nsome 1\ntoo large 1\n")


def test_files(ask):
    assert reply(ask("files")).splitlines() == [
        "open 1", "world", "at 12", "fstat 12", f"stat {0o100444}", "none 2", "write 30", "unlink 30",
        "mkdir 30", "ioctl 25", "closed 9", "too many 24"]


def test_clock_and_seed_are_the_events(ask):
    same = ("--time", "1700000000000000000", "--seed", "07" * 32)
    assert reply(ask("clocks", *same)) == ("time 1700000000\nelapsed 0\nclock 0\nunknown 22\n"
                                           "2023-11-14 22:13:20")
    first = reply(ask("randoms", *same))
    assert first == reply(ask("randoms", *same)) != reply(ask("randoms"))


def test_streams(ask):
    life = ask("logs")
    assert logs(life)[-3:] == [("warn", "to stderr: one line"), ("info", "to stdout"),
                               ("info", "and the rest of it")]
    assert reply(ask("input 17 words")) == "words 2\n17"


def test_ends(ask):
    life = ask("exit 0")
    assert reply(life) == "left by exit\n" and ("info", "written by exit") in logs(life)
    life = ask("exit 3")
    assert life["result"] == "failed"
    assert logs(life)[-1] == ("error", "exit was called, with a status other than 0")
    life = ask("abort")
    assert life["result"] == "failed"
    assert logs(life)[-2:] == [("warn", "about to abort"), ("error", "abort was called")]


# --------------------------------------------------------------------------- building


@pytest.fixture
def build_sample(tmp_path):
    def make(code, before="", manifest=MANIFEST):
        (tmp_path / "mayfly.yaml").write_text(manifest)
        (tmp_path / "main.c").write_text(MAIN % (before, code))
        return run(BUILD / "mayfly", "build", tmp_path)
    return make


def test_printf_and_malloc_in_32_kib(build_sample, tmp_path):
    done = build_sample('char *p = malloc(9); printf("%p %f\\n", p, 1.5); free(p); mf_reply_text("ok\\n");',
                        "#include <stdio.h>\n#include <stdlib.h>", MANIFEST + "budget: 32KiB\n")
    assert (done.returncode, done.stderr) == (0, "")
    done = run(BUILD / "mayfly", "run", tmp_path / "sample.mfy")
    assert done.stdout == "ok\n" and "1.500000" in done.stderr


def test_what_a_service_may_not_call(build_sample):
    """Each name once, with what there is instead."""
    calls = {"fork": "one process", "execl": "one process", "pthread_create": "one thread",
             "socket": "the hub does the network", "getpwnam": "no users", "setuid": "no users",
             "raise": "a signal", "nanosleep": "mf_schedule", "poll": "mf_schedule", "dlopen": "link it",
             "popen": "one process", "pipe": "no pipe", "my_own": "no module has"}
    before = "".join(f"extern int {name}();\n" for name in calls)
    done = build_sample("".join(f"{name}();" for name in calls), before)
    assert done.returncode == 2
    for name, hint in calls.items():
        lines = [line for line in done.stderr.splitlines() if f"calls '{name}'" in line]
        assert len(lines) == 1 and hint in lines[0], done.stderr


def test_headers_are_musls_alone(build_sample):
    done = build_sample("", "#include <seccomp.h>")
    assert done.returncode == 1 and "seccomp.h" in done.stderr


@pytest.mark.parametrize("manifest, words", [
    (MANIFEST.replace("16KiB", "12KiB"), "memory.stack is 12 KiB"),
    (MANIFEST.replace("[posix]", "[lua]"), "the module 'lua' needs the module 'posix'"),
    (MANIFEST.replace("[posix]", "[posix, lau]"), "no module 'lau'"),
])
def test_manifests(build_sample, manifest, words):
    done = build_sample("", manifest=manifest)
    assert done.returncode in (2, 3) and words in done.stderr


# -------------------------------------------------------------------------------- lua

SCRIPT = """
local count, kept = 0, {}
for i = 1, 1000 do kept[i] = i end
local acts = {}
function acts.count() count = count + 1; kept[#kept] = nil; return count .. " " .. #kept end
function acts.sum(e) local n = 0; for d in e.body:gmatch("%d+") do n = n + d end; return n end
function acts.event(e) return table.concat({e.method, e.path, e.query, e.headers["User-Agent"]}, " ") end
function acts.index() local none; return none.x end
function acts.throw() error({}) end
function acts.loop() while true do end end
function acts.memory() local t = {}; for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end end
function acts.big() return ("x"):rep(1 << 20) end
function acts.status() return "made\\n", 201, "text/made" end
function acts.nothing() end
function acts.teapot() return "", 99 end
function acts.random() return math.random(1 << 53) end
function acts.date() return os.date("!%F %T") end
function acts.deep() local function f(s) return (s:gsub(".", f)) end; return f("a") end
function acts.files()
  local own = io.open("script.lua"):read("a")
  return table.concat({#own > 100 and "own" or "none", select(2, io.open("/etc/passwd")),
    select(2, io.open("out.txt", "w")), select(2, os.remove("script.lua")),
    tostring(os.execute()), (select(2, pcall(io.popen, "ls"))), tostring(pcall(require, "socket")),
    require("more").word, tostring(os.getenv("PATH"))}, "; ")
end
function main(event) return acts[event.path:match("%w+") or "count"](event) end
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    directory = tmp_path_factory.mktemp("scripts")
    (directory / "script.lua").write_text(SCRIPT)
    (directory / "more.lua").write_text('return {word = "more"}\n')
    return directory


@pytest.fixture(scope="module")
def web(tmp_path_factory, script):
    web = Web(tmp_path_factory.mktemp("lua"), entry(LUA, f"data: {{.: {script}}}"))
    yield web
    assert web.hub.stop() == 0, web.hub.said()


def test_a_script_answers(web):
    for _ in range(3):  # every life finds the state as mf_init left it
        assert web.ask("/count")[::2] == (200, b"1 999")
    assert web.ask("/sum", "-d", "1 and 2 and 39")[2] == b"42"
    assert web.ask("/event?a=b", "-A", "me")[2] == b"GET /event a=b me"
    status, headers, body = web.ask("/status")
    assert (status, headers["content-type"], body) == (201, "text/made", b"made\n")
    assert web.ask("/nothing")[0] == 204


@pytest.mark.parametrize("path, detail", [
    ("/index", "script.lua:8: attempt to index a nil value (local 'none')"),
    ("/throw", "table: "),
    ("/none", "attempt to call a nil value"),
    ("/memory", "not enough memory"),
    ("/deep", "stack overflow"),
    ("/big", "main returned 1048576 bytes"),
    ("/teapot", "the status 99"),
])
def test_errors_are_told_to_the_client(web, path, detail):
    status, headers, body = web.ask(path)
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert detail in json.loads(body)["detail"], body


def test_an_endless_loop_meets_its_limit(web):
    assert web.ask("/loop")[0] == 504
    assert web.ask("/count")[2] == b"1 999"


def test_no_files_but_attached_ones(web):
    assert web.ask("/files")[2].decode().split("; ") == [
        "own", "/etc/passwd: No such file or directory", "out.txt: Read-only file system",
        "script.lua: Read-only file system", "false", "'popen' not supported", "false", "more", "nil"]


def test_the_same_seed_and_time_give_the_same_life(ask, script):
    def life(path, *options):
        return reply(ask("", "--data", script, "--http", f"GET /{path}", *options, image=LUA))

    same = ("--time", "1700000000000000000", "--seed", "07" * 32)
    assert life("random", *same) == life("random", *same) != life("random")
    assert life("date", *same) == "2023-11-14 22:13:20"


@pytest.mark.parametrize("text, words", [
    ("function main(", "script.lua:1: <name> or '...' expected"),
    ("x = 1", "leaves no function main"),
    ("error('no way')", "script.lua:1: no way"),
    ("t = {}; for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "not enough memory"),
])
def test_scripts_that_cannot_start(tmp_path, text, words):
    (tmp_path / "script.lua").write_text(text)
    done = run(BUILD / "mayfly", "run", LUA, "--data", tmp_path / "script.lua")
    assert done.returncode == 1 and words in done.stderr


def test_no_script():
    done = run(BUILD / "mayfly", "run", LUA, "--data", "other.lua=README.md")
    assert done.returncode == 1 and "no script.lua is attached" in done.stderr
