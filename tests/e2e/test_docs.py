"""What the documentation says to type works, and what it links to is there."""

import re
import shutil

import pytest
from conftest import BUILD, ROOT, run

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("services/*/README.md")])


def anchors(page):
    """Of its headings, as they are made of them where Markdown is shown."""
    heads = re.findall(r"^#+ +(.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), link
        assert not anchor or anchor in anchors(to), link


def blocks(text):
    """The indented ones, each a list of lines."""
    return [[line[4:] for line in block.splitlines()] for block in re.findall(r"(?:^    .*\n)+", text, re.M)]


def test_the_readme_is_short_and_its_commands_work(tmp_path, mayfly):
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) < 120
    for commands in re.findall(r"^\| (`mayfly.*?) \|", text, re.M):
        for command in re.findall(r"`(?:mayfly )?([a-z]+)[^`]*`", commands):
            if command != "mayflyd":
                assert mayfly(command, "--help").returncode == 0, command
    typed = next(block for block in blocks(text) if block[0].startswith("PATH="))
    (tmp_path / "build").mkdir()
    for program in ("mayfly", "mayflyd", "mayfly-worker"):
        shutil.copy(BUILD / program, tmp_path / "build")
    (tmp_path / "build/lib").symlink_to(ROOT / "build/lib")
    done = run("sh", "-e", "-c", "\n".join(typed), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("hello, world\n")
