"""Readers of a page: its tags and text, and the points of its map."""

import json
import re
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "img", "br", "input"}


class Reader(HTMLParser):
    """A page's tags, attributes and text; insists that every tag is closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def points_of(html: str) -> list[list[Any]]:
    """Lists of x, y, actual class, predicted class and name."""
    found = re.search(r'<script type="application/json" id="points">(.*?)</script>', html)
    assert found
    points: list[list[Any]] = json.loads(found[1])["points"]
    return points


def section(html: str, name: str) -> str:
    """The section of a page that has this id; it has no other section within."""
    return html[html.index(f'<section id="{name}">') :].partition("</section>")[0] + "</section>"
