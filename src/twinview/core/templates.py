"""Texts from Jinja's templates."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(template: Path, *, escaped: bool, **values: Any) -> str:
    """The template with values in it; one that it asks for and is not given is an error.

    escaped: values are text in HTML, and no tags.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)
