"""Texts that Jinja renders from templates."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from twinview.core.counts import counted


def render(template: Path, *, escaped: bool, **values: Any) -> str:
    """The template's text with the values in it.

    A value that the template asks for and does not get is an error. escaped: whether the
    values are text in HTML, so that tags in them are escaped. Templates know the filter `counted`.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    return environment.get_template(template.name).render(**values)
