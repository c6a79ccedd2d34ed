"""examples/weather: the filter finds the truth, in whichever BLAS; what it draws; what it refuses."""

import os
import re
import xml.etree.ElementTree

import pytest
from conftest import BUILD, PATIENCE, ROOT, run
from hubs import linalg_hub

PROGRAM = BUILD / "examples/weather"
pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="there is no CBLAS or no LAPACK here: weather isn't built")


def weather(*args, **options):
    done = run(PROGRAM, *args, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def errors(text):
    """Of the second half: (filter, free run)"""
    found = re.fullmatch(r"second half: filter (\S+), observations \S+, free run (\S+)", text.splitlines()[-1])
    return float(found[1]), float(found[2])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_filter_finds_the_truth(seed):
    filtered, unaided = errors(weather("-q", "-s", seed))
    assert filtered < 0.5, "worse than half of what it observes"
    assert unaided > 3.5, "the atmosphere isn't chaotic"


def test_observations_are_what_does_it():
    """Fewer and worse ones, a larger error; of no use, none."""
    good, bad = (errors(weather("-q", "-n", 120, "-c", 200, "-e", 1, "-o", noise))[0] for noise in (0.5, 2))
    assert good < 0.25 < bad < 1.5
    blind, _ = errors(weather("-q", "-n", 120, "-c", 200, "-o", 100, "-i", 1))
    assert blind > 2.5


def test_an_ensemble_that_bursts():
    """Nothing holds it together, and each time it is made wider: dpotrf sees it."""
    done = run(PROGRAM, "-q", "-n", 120, "-c", 200, "-o", 100, "-i", 1.5)
    assert done.returncode == 1 and "dpotrf says" in done.stderr and "inflation" in done.stderr


def test_the_seed_is_all_that_counts():
    first, again, other = (weather("-c", 40, "-s", seed) for seed in (7, 7, 8))
    assert first == again != other
    assert len(first.splitlines()) == 11


def test_the_picture(tmp_path):
    file = tmp_path / "weather.svg"
    weather("-q", "-c", 100, "-p", file)
    root = xml.etree.ElementTree.parse(file).getroot()
    _, _, width, height = map(float, root.get("viewBox").split())
    svg = "{http://www.w3.org/2000/svg}"
    curves = [[tuple(map(float, point.split(","))) for point in line.get("points").split()]
              for line in root.iter(svg + "polyline")]
    assert [len(curve) for curve in curves] == [100] * 3
    assert all(0 <= x <= width and 0 <= y <= height for curve in curves for x, y in curve)
    free, _, filtered = curves  # y grows downwards
    assert all(f[1] < g[1] for f, g in zip(free[50:], filtered[50:]))
    panels = root.findall(svg + "g")
    cells = [sum(path.get("d").count("M") for path in panel) for panel in panels]
    assert cells == [60 * 80] * 3, "each cell once"
    assert {text.text for text in root.iter(svg + "text")} >= {"truth", "filter", "free run"}


@pytest.mark.parametrize("args, words", [
    (("-n", "3"), '"3": a number from 4'), (("-m", "many"), '"many"'), (("-o", "0"), '"0"'), (("-i", "nan"), '"nan"'),
    (("more",), '"more" is too much'), (("-x",), "usage"), (("-n",), "usage")])
def test_options_that_are_none(args, words):
    done = run(PROGRAM, *args)
    assert done.returncode == 2 and words in done.stderr


def test_a_picture_that_can_not_be_written(tmp_path):
    done = run(PROGRAM, "-c", "2", "-p", tmp_path / "no" / "where.svg")
    assert done.returncode == 1 and "No such file" in done.stderr
    done = run(PROGRAM, "-c", "2", "-p", "/dev/full")
    assert done.returncode == 1


# ---------------------------------------------------------------------------- with the drop-in BLAS

@pytest.fixture(scope="module")
def linalg(tmp_path_factory):
    """the address of a hub with services/linalg"""
    yield from linalg_hub(tmp_path_factory.mktemp("linalg"))


def typed(linalg, tmp_path):
    """The README's commands behind `mayfly up`, each with what it says to others: [(command, done)]"""
    text = (ROOT / "examples/weather/README.md").read_text().split("## With the drop-in BLAS")[1]
    lines = [line.strip() for line in re.search(r"(?:^    .*\n)+", text, re.M)[0].splitlines()]
    assert lines[0].startswith("mayfly up build/services/linalg.mfy") and lines[1].startswith("export ")
    before = lines[1].replace("http://127.0.0.1:8080", linalg)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAYFLY_BLAS")} | {"XDG_CACHE_HOME": str(tmp_path)}
    return [(line, run("bash", "-e", "-c", f"{before}\n{line}", env=environment, timeout=60 * PATIENCE)) for line in lines[2:]]


def figures(text):
    return [float(x) for x in re.findall(r"\d+\.\d+", text)]


@pytest.mark.skipif("valgrind" in os.environ.get("MAYFLY_BUILD", ""), reason="the same library")
def test_the_same_weather_with_the_drop_in(linalg, tmp_path):
    """All calls at the service, or those that pay: the lines are the same but for the last digit, which rounding may turn.
    What is preloaded has no sanitizer, so the program hasn't either."""
    alone = run(ROOT / "build/examples/weather", "-c", 40).stdout
    (remote, forced), (auto, chosen) = typed(linalg, tmp_path)
    assert "MODE=remote" in remote and "MODE" not in auto
    for done in (forced, chosen):
        assert done.returncode == 0, done.stderr
        assert figures(done.stdout) == pytest.approx(figures(alone), abs=0.0015)
        assert re.sub(r"\d", "", done.stdout) == re.sub(r"\d", "", alone)
    went = re.findall(r"^mayfly-blas: (\w+) .*?: remote \((\w+)(?:, its factor was there)?\): .*; life [0-9a-f]{32}; verified in 2 rounds", forced.stderr, re.M)
    once = [("dgemm", "multiply"), ("dpotrf", "cholesky"), ("dpotrs", "potrs"), ("dgemm", "multiply")]
    assert went == once * 40, forced.stderr
    assert forced.stderr.count("(potrs, its factor was there)") == 40, forced.stderr
    lines = [line for line in chosen.stderr.splitlines() if line.startswith("mayfly-blas: d")]
    assert len(lines) == 4 * 40 and all(re.search(r": (here|remote \(\w+.*\)): ", line) for line in lines), chosen.stderr
