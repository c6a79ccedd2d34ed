"""Another version of a service on a hub that runs: mayfly deploy, rollback; requests flow, and none fails."""

import json
import signal
import threading
import time

import pytest
from conftest import BUILD, PATIENCE, SANITIZED, run
from http_client import Client, listener
from hubs import Hub, alive, hub_yaml, service

MANIFEST = """mayfly: 1
name: greeter
version: "{version}"
counter: {counter}
{more}
triggers:
  - type: http
    path: /#
"""
MAIN = """#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{{
	(void)ev;
	{code}
	mf_reply_text("{version}");
}}
"""
CRASH = "if (ev) __builtin_trap();"
ERROR = 'if (ev) { mf_reply(500, "text/plain", "no", 2); return; }'
SLOW = "for (volatile int i = 0; i < 4000000; i++);"
# on a machine that is busy with other tests, how long a few lives took says nothing
QUICK = ("--time", "100ms", "--least", "10", "--slower", "0")


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """version("1.1", code="...") -> path of the image; each is built once"""
    built = {}

    def make(number, code="", more="", counter=1):
        key = (number, code, more, counter)
        if key not in built:
            source = tmp_path_factory.mktemp("greeter")
            (source / "mayfly.yaml").write_text(
                MANIFEST.format(version=number, more=more, counter=counter))
            (source / "main.c").write_text(MAIN.format(code=code, version=number))
            image = source / f"greeter@{number}.mfy"
            done = run(BUILD / "mayfly", "build", source, "-o", image)
            assert (done.returncode, done.stderr) == (0, "")
            built[key] = image
        return built[key]
    return make


class Deployed:
    """A hub with the service, and what asks it."""

    def __init__(self, directory, image, make, more=""):
        self.directory, self.make = directory, make
        self.image, self.more = image, more
        self.hub = make(self.text())
        self.port = self.hub.http()

    def text(self, port=0):
        head = (f"state: {self.directory}/state\nadmin: {self.directory}/admin\n" +
                listener(f"127.0.0.1:{port}"))
        lines = ["limits: {deadline: 60s}"] if SANITIZED else []
        return hub_yaml(service(self.image, *lines), head=head)

    def mayfly(self, *args):
        return run(BUILD / "mayfly", *args, "--hub", self.directory / "admin")

    def deploy(self, *args):
        return self.mayfly("deploy", *args)

    def ask(self, **headers):
        with Client(self.port) as client:
            answer = client.ask("GET", "/", headers=headers)
            assert answer.status == 200, answer
            assert answer.headers["mayfly-version"] == answer.body.decode()
            return answer.body.decode()

    def service(self):
        """As mayfly ps has it: one, or two of which one is on trial."""
        return json.loads(self.mayfly("ps", "-o", "json").stdout)["services"]

    def wait(self, phase):
        def there():
            done = json.loads(self.deploy("--status", "-o", "json").stdout)["deploys"]
            return done and done[0]["phase"] == phase and done[0]
        return self.hub.until(there)


@pytest.fixture
def deployed(tmp_path, version, make_hub):
    def make(more="", code=""):
        image = version("1.0", code, more=more)
        (tmp_path / "hub0").mkdir(exist_ok=True)
        copy = tmp_path / "hub0" / "greeter.mfy"
        copy.write_bytes(image.read_bytes())
        return Deployed(tmp_path, copy, make_hub)
    return make


class Load:
    """Requests all the time, on two connections; every one is answered, and answered well."""

    def __init__(self, port):
        self.port, self.done = port, threading.Event()
        self.answers, self.wrong, self.longest = [], [], 0.0
        self.threads = [threading.Thread(target=self.ask) for _ in range(2)]

    def ask(self):
        try:
            with Client(self.port) as client:
                while not self.done.is_set():
                    began = time.monotonic()
                    answer = client.ask("GET", "/x")
                    self.longest = max(self.longest, time.monotonic() - began)
                    self.answers.append(answer.body.decode())
                    if answer.status != 200 or answer.headers["mayfly-version"] != self.answers[-1]:
                        self.wrong.append(answer)
                    time.sleep(0.002)
        except Exception as e:  # pylint: disable=broad-except
            self.wrong.append(e)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()
        print(f"{len(self.answers)} requests, the longest took {self.longest * 1000:.1f} ms")
        assert not self.wrong, self.wrong[:3]
        assert len(self.answers) > 20


def test_a_new_version_takes_over_and_goes_back(deployed, version):
    d = deployed()
    assert d.ask() == "1.0"
    with Load(d.port) as load:
        done = d.deploy(version("1.1"), *QUICK)
        assert (done.returncode, done.stdout) == (0, "greeter 1.1 runs, it was 1.0\n"), done.stderr
        assert d.ask() == "1.1"
        for share in ("1 %", "10 %", "50 %", "100 %"):
            assert f"version 1.1 gets {share} of the events" in done.stderr
        back = d.mayfly("rollback", "greeter")
        assert (back.returncode, back.stdout) == (0, "greeter 1.0 runs, it was 1.1\n"), back.stderr
        assert d.ask() == "1.0"
    assert set(load.answers) == {"1.0", "1.1"}
    assert [s["version"] for s in d.service()] == ["1.0"]
    d.hub.until(lambda: len(d.hub.workers()) <= 1)


def test_both_run_and_each_answer_says_which(deployed, version):
    d = deployed()
    with Load(d.port) as load:
        assert d.deploy(version("1.1"), "--share", "50", "--time", "1h", "--slower", "0", "--detach").returncode == 0
        d.wait("share")
        d.hub.until(lambda: load.answers[-50:].count("1.1") and load.answers[-50:].count("1.0"))
        d.hub.until(lambda: d.hub.events("life", version="1.0") and d.hub.events("life", version="1.1"))
        events = [json.loads(line) for line in d.mayfly("events", "-o", "json").stdout.splitlines()]
        assert {"1.0", "1.1"} == {e["version"] for e in events}
        rows = d.service()
        assert [(s["version"], s["share"]) for s in rows] == [("1.0", 50), ("1.1", 50)]
        assert rows[1]["listeners"] == ["50 % of its events"]
        again = d.deploy(version("1.2"))
        assert again.returncode == 1 and "is being deployed" in again.stderr
        assert d.hub.reload()["kept"] == 1  # the trial goes on
        assert len(d.service()) == 2
        ended = d.mayfly("rollback", "greeter")
        assert (ended.returncode, ended.stdout) == (0, "greeter 1.0 runs, 1.1 went back\n"), ended.stderr
        assert d.wait("back")["why"] == "an operator ended it"
    assert d.ask() == "1.0"
    assert [s["version"] for s in d.service()] == ["1.0"]


@pytest.mark.parametrize("code", [CRASH, ERROR], ids=["crashes", "answers 500"])
def test_a_version_that_fails_goes_back_and_nobody_sees_it(deployed, version, code):
    d, bad = deployed(), version("1.1", code)
    with Load(d.port) as load:
        done = d.deploy(bad, *QUICK)
    assert done.returncode == 1
    assert "version 1.1 went back, greeter 1.0 runs" in done.stderr and "lives failed" in done.stderr
    assert set(load.answers) == {"1.0"}
    assert [s["version"] for s in d.service()] == ["1.0"]
    assert "version 1.1 is not deployed, 1.0 runs" in d.hub.said()


def test_a_large_input_goes_to_the_old_version_too(deployed, version):
    """It lies in an area of the version that failed."""
    memory, code = "memory: {input: 256KiB}", """
	uint64_t sum = 0;
	for (uint32_t i = 0; i < mf_payload(ev).n; i++) sum += mf_payload(ev).p[i];
	char text[32];
	size_t n = mf_format(text, sizeof(text), "%llu", (unsigned long long)sum);
	if (n > 0) { mf_reply(200, "text/plain", text, n); return; }
"""
    d, bad = deployed(more=memory, code=code), version("1.1", CRASH, more=memory)
    assert d.deploy(bad, "--share", "100", "--time", "1h", "--least", "1000", "--detach").returncode == 0
    d.wait("share")
    with Client(d.port) as client:
        for n in (0, 1, 70000, 200000, 5):
            answer = client.ask("POST", "/", bytes([7]) * n)
            assert (answer.status, answer.body) == (200, str(7 * n).encode())
            assert answer.headers["mayfly-version"] == "1.0"
    assert "lives failed" in d.wait("back")["why"]


def test_a_version_that_cannot_start_is_never_asked(deployed, version):
    d = deployed()
    bad = version("1.1", code="}\nvoid mf_init(void)\n{\n__builtin_trap();")
    done = d.deploy(bad, *QUICK)
    assert done.returncode == 1 and "can't start" in done.stderr
    assert d.ask() == "1.0"


def test_a_slower_version_goes_back(deployed, version):
    d, slow = deployed(), version("1.1", SLOW)
    with Load(d.port):
        done = d.deploy(slow, "--share", "50,100", *QUICK[:-2])
    assert done.returncode == 1 and "half of its lives runs for" in done.stderr, done.stderr
    assert d.ask() == "1.0"


def test_with_an_order_it_takes_over_at_once_and_is_watched(deployed, version):
    d = deployed(more="key: path")
    with Load(d.port) as load:
        done = d.deploy(version("1.1", more="key: path"), *QUICK)
        assert done.returncode == 0 and "it took over at once, for its events have an order" in done.stderr
        d.hub.until(lambda: load.answers[-1] == "1.1")
    assert load.answers == sorted(load.answers)  # never one by the old after one by the new, per connection or not


def test_what_took_over_at_once_comes_back_by_itself(deployed, version):
    d = deployed(more="key: path")
    for _ in range(20):
        assert d.ask() == "1.0"
    bad = version("1.1", ERROR, more="key: path")
    assert d.deploy(bad, "--detach", "--time", "1h", "--least", "5").returncode == 0
    d.wait("watch")
    with Client(d.port) as client:
        for _ in range(5):
            client.ask("GET", "/")
    ended = d.wait("back")
    assert "lives failed" in ended["why"]
    assert d.ask() == "1.0"


def test_what_took_over_at_once_is_called_back(deployed, version):
    d = deployed(more="key: path")
    good = version("1.1", more="key: path")
    assert d.deploy(good, "--detach", "--time", "1h", "--slower", "0").returncode == 0
    d.wait("watch")
    assert d.ask() == "1.1"
    back = d.mayfly("rollback", "greeter")
    assert (back.returncode, back.stdout) == (0, "greeter 1.0 runs, 1.1 went back\n"), back.stderr
    assert d.ask() == "1.0"


def test_what_is_deployed_outlives_the_hub(deployed, version, tmp_path):
    d = deployed()
    assert d.deploy(version("1.1"), "--now").returncode == 0
    d.hub.process.send_signal(signal.SIGKILL)
    d.hub.process.wait()
    hub = d.hub = Hub(tmp_path / "hub9", d.text())
    with hub.stopping():
        d.port = hub.http()
        assert d.ask() == "1.1"
        # in the middle of a deploy, what ran runs
        assert d.deploy(version("1.2"), "--share", "50", "--time", "1h", "--slower", "0", "--detach").returncode == 0
        d.wait("share")
        hub.process.send_signal(signal.SIGKILL)
        hub.process.wait()
        hub.process.returncode = 0
    hub = d.hub = Hub(tmp_path / "hub9", d.text())
    with hub.stopping():
        d.port = hub.http()
        assert d.ask() == "1.1"
        assert "a version was being deployed when the hub ended" in hub.said()
        assert d.mayfly("rollback", "greeter").returncode == 0
        assert d.ask() == "1.0"
        # hub.yaml is the operator's: another image there is what runs
        d.image.write_bytes(version("1.3").read_bytes())
        hub.reload()
        assert d.ask() == "1.3"
        assert "hub.yaml names another image" in hub.said()
        refused = d.mayfly("rollback", "greeter")
        assert refused.returncode == 1 and "no version of greeter was deployed before" in refused.stderr


def test_another_service_of_the_same_image_stays(version, tmp_path, make_hub):
    for first in (True, False):
        directory = tmp_path / f"named{first}"
        directory.mkdir()
        plain, named = service(version("1.0")), service(version("1.0"), "name: other", "http: [{path: /other}]")
        hub = make_hub(hub_yaml(*((named, plain) if first else (plain, named)),
                                head=f"state: {directory}/state\nadmin: {directory}/admin\n" + listener()))

        def both():
            with Client(hub.http()) as client:
                return [client.ask("GET", path).headers["mayfly-version"] for path in ("/", "/other")]
        for args, now in (([version("1.1"), "--service", "other"], ["1.0", "1.1"]),
                          ([version("1.2")], ["1.2", "1.1"])):
            done = run(BUILD / "mayfly", "deploy", *args, "--now", "--hub", directory / "admin")
            assert done.returncode == 0, done.stderr
            assert both() == now
            assert hub.reload()["kept"] == 2 and both() == now


def test_refusals(deployed, version, echo, tmp_path, make_hub):
    d = deployed()

    def refuses(status, words, *args):
        done = d.deploy(*args)
        assert done.returncode == status and words in done.stderr, (done.returncode, done.stderr)

    refuses(3, "there is no such service", echo)
    refuses(1, "the image is a 'echo', and the service greeter a 'greeter'",
            echo, "--service", "greeter", "--grant-more")
    refuses(1, "runs already", version("1.0"))
    more = version("2.0", 'mf_emit("home/hall", "ON");', more="emits: [home/hall]")
    refuses(4, "it may more than the version that runs", more)
    damaged = tmp_path / "damaged.mfy"
    damaged.write_bytes(version("1.1").read_bytes()[:-100])
    refuses(2, "damaged.mfy", damaged)
    refuses(3, "none.mfy", tmp_path / "none.mfy")
    refuses(2, "a list of percents that rise", version("1.1"), "--share", "50,10")
    refuses(2, "give an image")
    assert d.mayfly("rollback", "nobody").returncode == 3
    assert d.ask() == "1.0"
    bare = make_hub(hub_yaml(service(d.image, "name: greeter"),
                             head=f"admin: {tmp_path}/bare\n" + listener()))
    done = run(BUILD / "mayfly", "deploy", version("1.1"), "--hub", tmp_path / "bare")
    assert done.returncode == 1 and "nowhere to keep an image" in done.stderr
    assert alive(bare.pid)


def test_the_trust_is_the_hubs(version, tmp_path, make_hub):
    secret, public = tmp_path / "release.key", tmp_path / "release.pub"
    assert run(BUILD / "mayfly", "keygen", "release", "-W", "-o", tmp_path).returncode == 0

    def signed(number, counter):
        image = tmp_path / f"greeter@{number}.mfy"
        image.write_bytes(version(number, counter=counter).read_bytes())
        done = run(BUILD / "mayfly", "sign", "--key", secret, image)
        assert done.returncode == 0, done.stderr
        return image

    first, second, third = signed("1.0", 5), signed("1.1", 6), signed("1.2", 7)
    (tmp_path / "hub0").mkdir()
    copy = tmp_path / "hub0/greeter.mfy"
    copy.write_bytes(first.read_bytes())
    d = Deployed.__new__(Deployed)
    d.directory, d.image = tmp_path, copy
    text = d.text().replace("{allow_unsigned: true}", f"{{keys: [{{key: {public}}}]}}")
    d.hub = make_hub(text)
    d.port = d.hub.http()
    unsigned = d.deploy(version("1.3", counter=9), "--now")
    assert unsigned.returncode == 4 and "it is not signed" in unsigned.stderr
    assert d.deploy(third, "--now").returncode == 0
    older = d.deploy(second, "--now")
    assert older.returncode == 4 and "a rollback" in older.stderr
    assert d.deploy(second, "--now", "--rollback").returncode == 0
    assert d.ask() == "1.1"
    assert d.hub.reload()["kept"] == 1
    assert d.mayfly("rollback", "greeter").returncode == 0
    assert d.ask() == "1.2"
