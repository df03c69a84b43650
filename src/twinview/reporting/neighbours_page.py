"""A page that shows a picture and the pictures most similar to it, in one file without network."""

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
    """The page as HTML, with the nearest picture first.

    Parameters
    ----------
    name : of the query picture's file.
    picture : uint8 (c, h, w), the query as the encoder sees it.
    rows : for each neighbour its id, its similarity, and its label if there is one.
    pictures : uint8 (n, c, h, w), the neighbours.
    """
    neighbours = [
        {"label": "", **row, "picture": data_uri(as_picture(neighbour))}
        for row, neighbour in zip(rows, pictures, strict=True)
    ]
    query = data_uri(as_picture(picture))
    return templates.render(_TEMPLATE, escaped=True, name=name, query=query, rows=neighbours)
