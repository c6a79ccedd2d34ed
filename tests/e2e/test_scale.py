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
    return [x for rate in re.findall(r"^\| `(--[\w-]+)` \| ([\d.]+) \|", PAGE, re.M) for x in rate]


def test_the_page_has_its_tables():
    options = rates()
    assert len(options) >= 2 * 20
    tables = scale(*options).strip().split("\n\n")
    at = 0
    for table in tables:
        at = PAGE.find("\n" + table + "\n", at)  # in this order
        assert at > 0, table
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith("| `--")]
    assert len(rows) == sum(len(table.splitlines()) for table in tables) + 2, "rows that are not computed"


def test_every_rate_is_on_the_page():
    asked = set(re.findall(r"^  (--[\w-]+) ", scale("--help"), re.M)) - {"--n", "--input", "--output", "--hubs"}
    assert set(rates()[::2]) == asked


def test_rates_count():
    """Faster lives, less time; a service that is no faster never pays."""
    whole = re.compile(r"arrival to the result\*\* \| \*\*([\d.]+) (h|min|s)\*\*")
    slow, fast = (float(whole.search(scale("--guest", rate))[1]) for rate in ("77.8", "155.6"))
    assert fast < 0.7 * slow
    never = scale("--guest", "1", "--gpu", "1")
    assert re.search(r"reference BLAS, 3.46 GFLOP/s → H200 \| – / – / – \| – / – / – \| – / – / – \|", never)


def test_a_product_that_is_one_plan():
    lines = scale("--n", "10000").splitlines()
    assert any(re.match(r"\| 1 requests, 1 by 1 blocks of C .* \| 32 \| yes \(32\) \|", line) for line in lines), lines
