"""One service built for several processors: NAME+VARIANT.mfy beside NAME.mfy, and which of them runs."""

import json
import os
import shutil
import subprocess

import pytest

from conftest import BUILD, run, udp_ask
from hubs import hub_yaml, service

if not (BUILD / "lib/posix/libc.a").exists():
    pytest.skip("musl's sources are not to be had here, so there is no module posix",
                allow_module_level=True)

MANIFEST = """\
mayfly: 1
name: which
version: "%s"
modules: [posix, which]
variants: [near, nearer, far, unknown]
memory: {stack: 16KiB, window: 128KiB}
triggers:
  - type: udp
"""
MAIN = """\
#include <mayfly.h>
const char *which(void);
void mf_main(const struct mf_event *ev)
{
	(void)ev;
	mf_reply_text(which());
}
"""
# What no processor has that was sold since 2017, and this one neither
FAR = "fma4"
FEATURES = {"": None, "near": "sse3", "nearer": "sse3 ssse3", "far": f"sse3 ssse3 sse4.1 {FAR}", "unknown": "warp"}


def archive(directory, name, text):
    directory.mkdir(exist_ok=True)
    source = directory / "which.c"
    source.write_text(f'const char *which(void);\nconst char *which(void)\n{{\n\treturn "{text}";\n}}\n')
    subprocess.run(["gcc", "@" + str(BUILD / "lib/cflags"), "-c", source, "-o", directory / "which.o"], check=True)
    subprocess.run(["ar", "rcs", directory / f"lib{name}.a", directory / "which.o"], check=True)


@pytest.fixture(scope="module")
def lib(tmp_path_factory):
    """A library OS with an archive `which`, and that for four processors."""
    to = tmp_path_factory.mktemp("lib")
    for each in (BUILD / "lib").iterdir():
        if each.name != "posix":
            (to / each.name).symlink_to(each)
    (to / "posix").mkdir()
    for name in ("libc.a", "include"):
        (to / "posix" / name).symlink_to(BUILD / "lib/posix" / name)
    for variant, features in FEATURES.items():
        directory = to / "posix" / variant
        archive(directory, "which", variant or "all")
        if features:
            (directory / "libwhich.features").write_text(features + "\n")
    archive(to / "posix", "other", "other")
    return to


def build(lib, directory, variant=None, version="1", manifest=MANIFEST):
    directory.mkdir(exist_ok=True)
    (directory / "mayfly.yaml").write_text(manifest % version)
    (directory / "main.c").write_text(MAIN)
    options = ["--variant", variant] if variant else []
    return run(BUILD / "mayfly", "build", directory, *options, env={**os.environ, "MAYFLY_LIB": str(lib)})


@pytest.fixture
def images(lib, tmp_path):
    """images(VARIANT...) -> which.mfy, these beside it"""
    if FAR in open("/proc/cpuinfo", encoding="ascii").read():
        pytest.skip(f"this processor has {FAR}")

    def make(*variants):
        for variant in (None, *variants):
            done = build(lib, tmp_path / "which", variant)
            assert done.returncode == 0, done.stderr
        return tmp_path / "which/which.mfy"
    return make


def ran(backend, image, *options):
    done = run(BUILD / "mayfly", "run", image, "--backend", backend, "-o", "json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["variant"], run(
        BUILD / "mayfly", "run", image, "--backend", backend, *options).stdout


def test_the_best_that_runs_here(images, backend):
    image = images("near", "nearer", "far")
    assert ran(backend, image) == ("nearer", "nearer")
    assert ran(backend, image, "--exact") == (None, "all")
    assert ran(backend, image.with_name("which+near.mfy")) == ("near", "near")
    image.with_name("which+nearer.mfy").unlink()
    assert ran(backend, image) == ("near", "near")
    image.with_name("which+near.mfy").unlink()
    assert ran(backend, image) == (None, "all")
    done = run(BUILD / "mayfly", "run", image.with_name("which+far.mfy"))
    assert done.returncode == 2 and "it needs fma4, which this processor hasn't" in done.stderr


def test_what_only_looks_like_a_variant(lib, images, tmp_path):
    """Of another release, no variant at all, no image: said, and passed by."""
    image = images("near")
    beside = image.with_name("which+nearer.mfy")
    assert build(lib, tmp_path / "new", "nearer", "2").returncode == 0
    for file, words in ((tmp_path / "new/which+nearer.mfy", "has another manifest"),
                        (image, "says that it is no variant"), (image.with_name("main.c"), "")):
        shutil.copy(file, beside)
        done = run(BUILD / "mayfly", "run", image)
        assert done.stdout == "near", done.stderr
        assert 'no variant of "' in done.stderr and "which+nearer.mfy" in done.stderr and words in done.stderr


def test_inspect(images):
    image = images("near", "far")
    shown = json.loads(run(BUILD / "mayfly", "inspect", image, "-o", "json").stdout)
    assert (shown["variant"], shown["needs"], shown["runs_here"], shown["variant_here"]) == (None, [], True, "near")
    shown = run(BUILD / "mayfly", "inspect", image).stdout
    assert "beside it" in shown and "+near" in shown and "+far" in shown and "here +near runs" in shown
    far = image.with_name("which+far.mfy")
    shown = json.loads(run(BUILD / "mayfly", "inspect", far, "-o", "json").stdout)
    assert (shown["variant"], shown["needs"], shown["runs_here"]) == ("far", ["sse3", "ssse3", "sse4.1", "fma4"], False)
    assert "doesn't run here: it needs fma4" in run(BUILD / "mayfly", "inspect", far).stdout


def test_refused_builds(lib, tmp_path):
    done = build(lib, tmp_path / "s", "other")
    assert done.returncode == 2 and "`variants: [other]`" in done.stderr
    done = build(lib, tmp_path / "s", "unknown")
    assert done.returncode == 1 and "'warp' is nothing that a processor is known to have" in done.stderr
    done = build(lib, tmp_path / "s", "near", manifest=MANIFEST.replace("posix, which", "posix, other"))
    assert done.returncode == 3 and "none of its modules was built for it" in done.stderr
    done = build(lib, tmp_path / "s", manifest=MANIFEST.replace("far,", "far-away-and-longer,"))
    assert done.returncode == 2 and "far-away-and-longer" in done.stderr


def test_hub(images, make_hub, mayfly, tmp_path, lib, refused):
    """The hub takes the best too, a better one at a reload, and says what it can't run."""
    image = images("near", "far")
    text = hub_yaml(service(image, "udp: [127.0.0.1:0]"), head=f"admin: {tmp_path}/admin.sock\n")
    hub = make_hub(text)
    port = hub.port("which")
    assert udp_ask(port, b"?") == b"near"
    shown = json.loads(mayfly("ps", "-o", "json", "--hub", f"{tmp_path}/admin.sock").stdout)
    assert shown["services"][0]["image"].endswith("which+near.mfy")
    assert build(lib, tmp_path / "which", "nearer").returncode == 0
    assert hub.reload()["event"] == "reloaded"
    assert udp_ask(hub.port("which"), b"?") == b"nearer"
    refused(hub_yaml(service(image.with_name("which+far.mfy"), "udp: [127.0.0.1:0]")), 1,
            "which+far.mfy", "it needs fma4")


def test_each_is_signed(images, make_hub, refused, tmp_path):
    """`trust` asks of the variant that would run, not of the image beside it."""
    image = images("near")
    near = image.with_name("which+near.mfy")
    assert run(BUILD / "mayfly", "keygen", "release", "-W", "-o", tmp_path).returncode == 0
    text = hub_yaml(service(image, "udp: [127.0.0.1:0]"),
                    trust=f"trust:\n  keys:\n    - key: {tmp_path}/release.pub\n")
    for each, words in ((image, "which+near.mfy"), (near, None)):
        assert run(BUILD / "mayfly", "sign", "--key", tmp_path / "release.key", each).returncode == 0
        if words:
            refused(text, 4, words)
    hub = make_hub(text)
    assert udp_ask(hub.port("which"), b"?") == b"near"


def test_deployed(images, make_hub, lib, tmp_path):
    """A deploy takes the variants along, and the hub the best of them."""
    image = images()
    hub = make_hub(hub_yaml(service(image, "udp: [127.0.0.1:0]"),
                            head=f"state: {tmp_path}/state\nadmin: {tmp_path}/admin.sock\n"))
    assert udp_ask(hub.port("which"), b"?") == b"all"
    for variant in (None, "near", "far"):
        assert build(lib, tmp_path / "new", variant, "2").returncode == 0
    done = run(BUILD / "mayfly", "deploy", tmp_path / "new/which.mfy", "--now", "--hub", tmp_path / "admin.sock")
    assert (done.returncode, done.stdout) == (0, "which 2 runs, it was 1\n"), done.stderr
    assert udp_ask(hub.port("which"), b"?") == b"near"
    assert len(list((tmp_path / "state/deployed").glob("*.mfy"))) == 3
    assert hub.reload()["kept"] == 1
    assert run(BUILD / "mayfly", "rollback", "which", "--hub", tmp_path / "admin.sock").returncode == 0
    assert udp_ask(hub.port("which"), b"?") == b"all"
