"""The head as it is saved and used: it maps features h to projections z."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from twinview.core import files, registry
from twinview.core.errors import DataError
from twinview.core.tensor_files import load_weights, save_tensors

WEIGHTS = "head.safetensors"
DESCRIPTION = "head.json"


def save(
    folder: Path, head: nn.Module, architecture: str, options: Mapping[str, Any], width: int
) -> None:
    """Writes weights and description; equal heads give equal bytes.

    Parameters
    ----------
    folder : where the two files are written.
    head : the head.
    architecture, options : its name among the heads, and its options.
    width : the number of features that it takes.
    """
    weights = {name: t.detach().cpu() for name, t in head.state_dict().items()}
    description = {"architecture": architecture, "options": options, "width": width}
    with files.atomic_folder(folder) as temporary:
        save_tensors(temporary / WEIGHTS, weights)
        files.save_json(temporary / DESCRIPTION, description)


def load(folder: Path) -> nn.Module:
    """The head that save wrote, in evaluation mode: it maps (n, width) to (n, d).

    Raises DataError when weights and description do not belong together.
    """
    path = folder / DESCRIPTION
    value = files.load_json(path)
    try:
        build = registry.bind("heads", value["architecture"], value["options"])
        head: nn.Module = build(value["width"])
    except TypeError as error:
        remedy = "`dvc repro --force pretrain` writes it anew"
        raise DataError.at(path, f"does not describe a head ({error})", remedy) from None
    load_weights(head, folder / WEIGHTS, DESCRIPTION)
    return head.eval()
