"""A page that shows a picture and the pictures most similar to it, in one file without network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from twinview.core import templates
from twinview.reporting.inline import data_uri
from twinview.reporting.pictures import as_picture

_TEMPLATE = Path(__file__).with_name("neighbours.html.j2")

Neighbour = tuple[Mapping[str, Any], Tensor | None]


def neighbours_page(name: str, picture: Tensor, sections: Mapping[str, Sequence[Neighbour]]) -> str:
    """The page as HTML.

    Parameters
    ----------
    name : of the query picture's file.
    picture : uint8 (c, h, w), the query as the encoder sees it.
    sections : by title, the neighbours, nearest first. A neighbour has a row (id, similarity,
        origin and label where they are known) and its pixels, uint8 (c, h, w), or None if they
        cannot be read any more.
    """
    shown = {title: [_shown(*neighbour) for neighbour in of] for title, of in sections.items()}
    query = data_uri(as_picture(picture))
    return templates.render(_TEMPLATE, escaped=True, name=name, query=query, sections=shown)


def _shown(row: Mapping[str, Any], pixels: Tensor | None) -> dict[str, Any]:
    uri = None if pixels is None else data_uri(as_picture(pixels))
    return {"label": "", "origin": row["id"], **row, "picture": uri}
