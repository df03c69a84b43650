"""Every relative link of README, CONTRIBUTING, CHANGELOG and docs/ leads to a file and heading."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.snippets import PAGES, text
from tests.support.workspace import ROOT

FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]*)\)")


def links(page: str) -> Iterator[tuple[Path, str]]:
    """The file and the heading that each relative link names."""
    for target in LINK.findall(FENCED.sub("", text(page))):
        path, _, heading = target.partition("#")
        if "://" not in target:
            yield (ROOT / page).parent / path if path else ROOT / page, heading


def headings(page: Path) -> set[str]:
    """The names by which GitHub knows a page's headings."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text("utf-8")), re.M)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_every_relative_link_leads_to_a_file_and_a_heading(page: str) -> None:
    lost = [
        f"{path}#{heading}"
        for path, heading in links(page)
        if not path.exists() or (heading and heading not in headings(path))
    ]
    assert lost == []


def test_the_index_leads_to_every_page() -> None:
    index = {path.resolve() for path, _ in links("docs/README.md")}
    pages = {path.resolve() for path in ROOT.glob("docs/*.md")}
    assert pages - index == {ROOT / "docs/README.md"}


def test_the_readme_leads_to_the_index() -> None:
    assert ROOT / "docs/README.md" in {path for path, _ in links("README.md")}
