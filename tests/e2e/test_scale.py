"""docs/scale.md has what bench/scale prints for the rates that it says it has."""

import re

from conftest import ROOT, run

PAGE = (ROOT / "docs/scale.md").read_text()


def scale(*args):
    done = run(ROOT / "bench/scale", *args)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def rates():
    """Options of the page's first table."""
    return [x for rate in re.findall(r"^\| `(--[\w-]+)` \| ([\d.x]+) \|", PAGE, re.M) for x in rate]


def test_the_page_has_its_tables():
    options = rates()
    assert len(options) >= 2 * 25
    tables = scale(*options).strip().split("\n\n")
    at = 0
    for table in tables:
        at = PAGE.find("\n" + table + "\n", at)  # in this order
        assert at > 0, table
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith("| `--")]
    assert len(rows) == sum(len(table.splitlines()) for table in tables) + 2, "rows that are not computed"


def test_every_rate_is_on_the_page():
    asked = set(re.findall(r"^  (--[\w-]+) ", scale("--help"), re.M)) - {"--n", "--input", "--hubs"}
    assert set(rates()[::2]) == asked


def test_rates_count():
    """Faster lives, less time; a service that is no faster never pays."""
    whole = re.compile(r"arrival to the result\*\* \| \*\*([\d.]+) (h|min|s)\*\*")
    slow, fast = (float(whole.search(scale("--guest", rate))[1]) for rate in ("77.8", "155.6"))
    assert fast < 0.7 * slow
    never = scale("--guest", "1", "--gpu", "1")
    assert re.search(r"reference BLAS, 3.46 GFLOP/s → H200 \| – / – / – \| – / – / – \| – / – / – \|", never)


def test_tiles_fit():
    """What the planner says is what a life has room for: nobody mistyped it."""
    page = scale()
    for name, most in (("lives as they are", 272 << 20), ("lives with 704 MiB", 704 << 20)):
        row = next(line for line in page.splitlines() if name in line)
        used, tasks = float(re.search(r"\| (\d+) MB \|", row)[1]), int(row.split(" | ")[4].replace(",", ""))
        assert 0.7 * most < used * 1e6 <= most and 5000 < tasks <= 8192, row
