"""mayfly run: one life; its reply on stdout, talk on stderr, an exit status for every end."""

import base64
import json
import shutil

import pytest

from conftest import BUILD, ROOT, run

ECHO = BUILD / "services/echo.mfy"
DNS = BUILD / "services/dns.mfy"
ZONE = ROOT / "services/dns/example.test.zone"


def guest(name):
    return BUILD / "guest" / f"{name}.mfy"


@pytest.fixture
def life(mayfly, backend, tmp_path):
    """life(IMAGE, EVENT, ...) -> CompletedProcess with bytes, on each backend."""
    def live(image, event=b"", *args):
        file = tmp_path / "event"
        file.write_bytes(event)
        return mayfly("run", image, "--event", file, "--backend", backend, *args, text=False)
    return live


@pytest.fixture
def told(life):
    """The same, with -o json: the object, and the exit status agrees with it."""
    def live(image, event=b"", *args):
        done = life(image, event, *args, "-o", "json")
        got = json.loads(done.stdout)
        assert got["exit"] == done.returncode
        return got
    return live


# ------------------------------------------------------------------ what is said

def test_the_reply_is_on_stdout_byte_for_byte(life):
    event = bytes(range(256)) * 8
    done = life(ECHO, event)
    assert (done.returncode, done.stdout, done.stderr) == (0, event, b"")


def test_the_event_may_come_from_stdin(mayfly, backend):
    done = mayfly("run", ECHO, "--event", "-", "--backend", backend, input="from a pipe")
    assert (done.returncode, done.stdout) == (0, "from a pipe")


def test_no_event_is_an_empty_one(mayfly, backend):
    done = mayfly("run", ECHO, "--backend", backend, "-o", "json")
    assert json.loads(done.stdout)["reply_base64"] == ""


def test_json_says_all(told, backend):
    got = told(ECHO, b"hello")
    assert got["result"] == "ok" and got["status"] == 200 and got["exit"] == 0
    assert base64.b64decode(got["reply_base64"]) == b"hello"
    assert got["backend"] == backend and got["birth"] == "pooled"
    assert got["birth_us"] > 0 and got["run_us"] > 0
    assert got["fault"] is None and got["effects"] == [] and got["logs"] == []
    assert len(got["image"]) == 64 and len(got["snapshot"]) == 64
    inspected = run(BUILD / "mayfly", "inspect", ECHO, "-o", "json")
    assert got["image"] in inspected.stdout


def test_effects_are_readable(told):
    got = told(guest("state"))
    assert got["effects"] == [{"kind": "put", "key": "on", "body": "1"}]
    assert base64.b64decode(got["reply_base64"]) == b"was off"
    assert got["content_type"] is not None
    got = told(guest("meter"), b"12345")
    assert got["effects"] == [{"kind": "meter", "unit": "byte", "quantity": 5}]


def test_effects_and_logs_go_to_stderr(life):
    done = life(guest("state"))
    assert done.stdout == b"was off"
    assert b"state: effect: put on = 1" in done.stderr
    done = life(guest("log"))
    assert done.stdout == b"logged"
    assert b"log: warn: " in done.stderr
    assert b"\x1b" not in done.stderr, "a guest must not steer the terminal"


def test_logs_in_json(told):
    logs = told(guest("log"))["logs"]
    assert [entry["level"] for entry in logs] == ["debug", "info", "warn", "error"]
    assert logs[2]["text"].endswith("\x1b[31m")


def test_seed_and_time_make_the_same_life(life):
    first = life(guest("random"), b"", "--seed", "00ff", "--time", "1")
    again = life(guest("random"), b"", "--seed", "00ff", "--time", "1")
    other = life(guest("random"), b"", "--seed", "00fe", "--time", "1")
    assert first.stdout == again.stdout != other.stdout
    assert life(guest("random")).stdout != life(guest("random")).stdout


def test_both_backends_give_the_same_life(mayfly, kvm, tmp_path):
    (tmp_path / "query").write_bytes(bytes.fromhex(
        "000101000001000000000000" "03777777" "076578616d706c65" "0474657374" "00" "00010001"))
    replies = [mayfly("run", DNS, "--event", tmp_path / "query", "--data", ZONE, "--backend", each,
                      "--source", "udp", text=False).stdout for each in ("kvm", "process")]
    assert replies[0] == replies[1] and len(replies[0]) > 12


def test_fresh_births_give_the_same_reply(told):
    got = told(ECHO, b"hello", "--birth", "fresh")
    assert got["birth"] == "fresh" and base64.b64decode(got["reply_base64"]) == b"hello"


def test_config(life):
    assert life(guest("config")).stdout == b"hello"
    assert life(guest("config"), b"", "--config", "greeting=good day").stdout == b"good day"


def test_data_goes_by_its_basename_or_the_name_given(mayfly, backend, tmp_path):
    copy = tmp_path / "other.zone"
    shutil.copy(ZONE, copy)
    for data, zone in ((ZONE, b"example.test."), (copy, b"other."), (f"a.zone={ZONE}", b"a.")):
        done = mayfly("run", DNS, "--event", "-", "--data", data, "--backend", backend,
                      input=b"x" * 12, text=False)
        assert done.returncode == 0 and b"zone " + zone in done.stderr


# -------------------------------------------------------------- how lives end

def test_no_reply_is_no_failure(life, told):
    done = life(guest("no-reply"))
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"no-reply ended without a reply" in done.stderr
    got = told(guest("no-reply"))
    assert got["replied"] is False and got["reply_base64"] is None and got["result"] == "ok"


def test_a_crash_names_exception_function_and_place(life, told):
    done = life(guest("recurse"))
    assert (done.returncode, done.stdout) == (1, b"")
    for words in (b"recurse: crashed", b"#PF", b"page fault", b"deeper", b"the guard page"):
        assert words in done.stderr
    got = told(guest("recurse"))
    assert got["result"] == "crashed" and got["status"] == 502 and got["reply_base64"] is None
    assert got["fault"]["vector"] == 14 and got["fault"]["name"] == "#PF"
    assert got["fault"]["function"].startswith("deeper")
    assert got["fault"]["address"].startswith("0x14")


@pytest.mark.parametrize("word, vector, place", [
    ("write-null", 14, "page zero"),
    ("write-text", 14, "code and constants"),
    ("jump-data", 14, "can't be executed"),
    ("write-above", 14, "past the end of the window"),
    ("read-noncanonical", 13, None),
])
def test_places(told, word, vector, place):
    fault = told(guest("stray"), word.encode())["fault"]
    assert fault["vector"] == vector
    if place:
        assert place in fault["place"]
    else:
        assert fault["touched"] is None and fault["place"] is None


def test_instructions_that_a_life_may_not_use(told):
    for word in (b"hlt", b"cli", b"wrmsr"):
        fault = told(guest("trap"), word)["fault"]
        assert fault["name"] == "#GP" and fault["vector"] == 13


def test_without_symbols_there_are_addresses(mayfly, backend, tmp_path):
    shutil.copy(guest("recurse"), tmp_path / "bare.mfy")
    done = mayfly("run", tmp_path / "bare.mfy", "--backend", backend)
    assert done.returncode == 1
    assert "NAME.debug isn't beside the image" in done.stderr and "0x14" in done.stderr


@pytest.mark.parametrize("name, status, result, http, words", [
    ("fail", 1, "failed", 500, "the service gave up"),
    ("loop", 124, "deadline", 504, "longer than limits"),
    ("heap", 137, "memory", 507, "memory.window"),
    ("call", 1, "call", 502, "only a hub"),
    ("init-fail", 1, "init", 502, "zone.txt:7"),
    ("init-crash", 1, "init", 502, "#PF"),
    ("init-loop", 1, "init", 502, "limits.init"),
])
def test_ends(life, told, name, status, result, http, words):
    done = life(guest(name), b"x")
    assert (done.returncode, done.stdout) == (status, b"")
    assert words.encode() in done.stderr
    got = told(guest(name), b"x")
    assert (got["exit"], got["result"], got["status"]) == (status, result, http)
    assert words in got["message"] or words in json.dumps(got["logs"])


def test_the_logs_of_a_failed_life_are_shown(life):
    assert b'fail: error: can\'t do "x"' in life(guest("fail"), b"x").stderr


def test_malformed_effects(life):
    assert life(guest("bad-effects"), b"good").returncode == 0
    for word in (b"bytes-huge", b"bytes-odd", b"count-more", b"count-less"):
        done = life(guest("bad-effects"), word)
        assert (done.returncode, done.stdout) == (1, b""), word
        assert b"malformed" in done.stderr


def test_a_reply_over_its_area(life):
    done = life(guest("big-reply"), b"over")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"memory.effects" in done.stderr


def test_what_the_manifest_does_not_grant_is_denied(mayfly, backend, tmp_path):
    service = tmp_path / "emitter"
    service.mkdir()
    (service / "main.c").write_text(
        '#include <mayfly.h>\n'
        'void mf_main(const struct mf_event *ev)\n'
        '{\n\tstruct mf_str p = mf_payload(ev);\n'
        '\tmf_emit(p.n == 1 ? "home/hall/set" : "home/door/open", "ON");\n'
        '\tmf_reply_text("done");\n}\n')
    (service / "mayfly.yaml").write_text(
        'mayfly: 1\nname: emitter\nversion: "1"\nemits:\n  - home/+/set\ntriggers:\n  - type: udp\n')
    image = tmp_path / "emitter.mfy"
    built = mayfly("build", service, "-o", image)
    assert built.returncode == 0, built.stderr
    done = mayfly("run", image, "--event", "-", "--backend", backend, input="1")
    assert (done.returncode, done.stdout) == (0, "done")
    assert "emit home/hall/set = ON" in done.stderr
    done = mayfly("run", image, "--event", "-", "--backend", backend, input="12")
    assert (done.returncode, done.stdout) == (4, "")
    assert 'emits: ["home/door/open"]' in done.stderr
    done = mayfly("run", image, "--event", "-", "--backend", backend, "-o", "json", input="12")
    got = json.loads(done.stdout)
    assert (got["result"], got["status"], got["reply_base64"]) == ("denied", 403, None)


# ----------------------------------------------------------------- bad input

@pytest.mark.parametrize("args, status, words", [
    ([], 2, "no image"),
    (["no/such.mfy"], 3, '"no/such.mfy"'),
    (["services/echo"], 2, "mayfly build services/echo"),
    (["README.md", "x"], 2, "one image only"),
    ([ECHO, "--event", "/no/such"], 3, '"/no/such"'),
    ([ECHO, "--bogus"], 2, '"--bogus"'),
    ([ECHO, "--event"], 2, "--event"),
    ([ECHO, "--backend", "kvn"], 2, "auto, kvm, process"),
    ([ECHO, "--birth", "cold"], 2, "pooled, fresh"),
    ([ECHO, "--source", "mqtt"], 2, "run, udp, tcp"),
    ([ECHO, "--seed", "xyz"], 2, '"xyz"'),
    ([ECHO, "--seed", "0" * 66], 2, "32 bytes"),
    ([ECHO, "--time", "noon"], 2, '"noon"'),
    ([ECHO, "-o", "xml"], 2, '"xml"'),
    ([ECHO, "--data", "x=/dev/null"], 2, "'x'"),
    ([ECHO, "--config", "x=1"], 2, "'x'"),
    ([guest("config"), "--config", "greeting"], 2, "KEY=VALUE"),
    ([DNS], 3, "--data"),
    ([DNS, "--data", "a.zone=/no/such"], 3, '"/no/such"'),
])
def test_usage(mayfly, args, status, words):
    done = mayfly("run", *args)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("mayfly: run: ") and words in done.stderr
    assert done.stderr.count("\n") == 1, "one line"


def test_help(mayfly):
    done = mayfly("run", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: mayfly run")


def test_files_that_are_no_images(mayfly, tmp_path):
    whole = ECHO.read_bytes()
    for name, content in {"empty": b"", "text": b"hello", "half": whole[:len(whole) // 2],
                          "more": whole + b"x", "other": whole[:16] + b"\xff" + whole[17:]}.items():
        file = tmp_path / f"{name}.mfy"
        file.write_bytes(content)
        done = mayfly("run", file)
        assert (done.returncode, done.stdout) == (2, ""), name
        assert str(file) in done.stderr and done.stderr.count("\n") == 1


def test_an_event_that_does_not_fit(mayfly, tmp_path):
    file = tmp_path / "event"
    file.write_bytes(b"x" * 20000)
    done = mayfly("run", ECHO, "--event", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert "20000 bytes" in done.stderr and "memory.event" in done.stderr
