"""A page that shows a picture and the pictures that are most alike to it: one file, no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from twinview.core import templates
from twinview.reporting.inline import data_uri
from twinview.reporting.pictures import as_picture

_TEMPLATE = Path(__file__).with_name("neighbours.html.j2")


def neighbours_page(
    name: str, picture: Tensor, rows: Sequence[Mapping[str, Any]], pictures: Tensor
) -> str:
    """The page as HTML, the nearest first.

    picture: uint8 (c, h, w), the one that was asked about, as the encoder sees it. rows: id,
    similarity, and label where there is one, of each of the pictures, uint8 (n, c, h, w).
    """
    shown = [
        {"label": "", **row, "picture": data_uri(as_picture(near))}
        for row, near in zip(rows, pictures, strict=True)
    ]
    query = data_uri(as_picture(picture))
    return templates.render(_TEMPLATE, escaped=True, name=name, query=query, rows=shown)
