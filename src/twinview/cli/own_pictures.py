"""The settings for a folder of pictures of the user, chosen by what lies in it."""

from pathlib import Path
from typing import Any

from twinview.cli import use
from twinview.cli.outcome import Outcome
from twinview.core.errors import DataError
from twinview.data import folder_scan
from twinview.settings import params, recipes

RECIPE = "pictures"


def use_folder(folder: Path) -> Outcome:
    """Writes settings for the folder into params.yaml; says what was found and what was chosen.

    Settings that are of this folder already stay as they are.

    Raises DataError when the folder does not exist or holds no picture that can be read.
    """
    path = folder.absolute()
    settings = params.load()
    if settings.data.source == "folder" and Path(settings.sources["folder"]["path"]) == path:
        return Outcome(f"twinview: params.yaml is of {path} already, and stays as it is", {})
    from twinview.preparation import folder_summary  # here, since it loads PyTorch

    scan = folder_scan.scan_folder(path)
    summary = folder_summary.summarise(path, scan)
    found = [f"twinview: {path}", *(f"  {line}" for line in summary.lines())]
    print("\n".join(found))
    if not summary.pictures:
        raise DataError.at(
            path, "holds no picture that can be read", "name a folder that holds pictures"
        )
    values: dict[str, Any] = {"sources": {"folder": {"path": str(path)}}}
    return use.apply_recipe(recipes.find(RECIPE), [], values)
