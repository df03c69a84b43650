"""The settings for a folder of pictures of the user, chosen by what lies in it."""

import os
from pathlib import Path
from typing import Any

from twinview.cli import use
from twinview.cli.outcome import Outcome
from twinview.core.counts import counted
from twinview.core.errors import DataError
from twinview.core.paths import root
from twinview.data import folder_scan
from twinview.settings import params, recipes
from twinview.settings.dotted import nested

RECIPE = "pictures"
_MEASURED_S = 5.0


def use_folder(folder: Path) -> Outcome:
    """Writes settings for the folder into params.yaml; says what was found and what was chosen.

    Settings that are of this folder already stay as they are.

    Raises DataError when the folder does not exist or holds no picture that can be read.
    """
    path = Path(os.path.abspath(folder))  # noqa: PTH100 - a link stays what the user calls it
    if _is_of(params.load(), path):
        return Outcome(f"twinview: params.yaml is of {path} already, and stays as it is", {})
    from twinview.preparation import folder_summary  # here, since it loads PyTorch

    summary = folder_summary.summarise(path, folder_scan.scan_folder(path))
    print("\n".join([f"twinview: {path}", *(f"  {line}" for line in summary.lines())]), flush=True)
    if not summary.pictures:
        raise DataError.at(
            path, "holds no picture that can be read", "name a folder that holds pictures"
        )
    values, minutes = _choose(path, summary)
    done = use.apply_recipe(recipes.find(RECIPE), [], values)
    count = max(1, round(minutes))
    chosen = f"The training will take some {counted(count, 'minute')} on this machine."
    return Outcome(f"{done.text}\n{chosen}", done.data)


def _is_of(settings: params.Params, path: Path) -> bool:
    """Whether the settings are of a folder already."""
    if settings.data.source != "folder":
        return False
    known = root() / str(settings.sources["folder"]["path"])
    return known.resolve() == path.resolve()


def _choose(path: Path, summary: Any) -> tuple[dict[str, Any], float]:
    """The settings that differ from the recipe's, and the minutes that the training will take."""
    from twinview.learning.rate import measure_rate
    from twinview.pictures import proposal

    channels = 3 if summary.has_colour else 1
    known = (summary.pictures, summary.side, channels)
    values: dict[str, Any] = {"sources": {"folder": {"path": str(path)}}}
    by_size = nested(proposal.settings_by_size(*known))
    recipe = recipes.merge(params.stated(recipes.find(RECIPE)), recipes.merge(values, by_size))
    settings = params.parse(params.Params, recipe, f"{RECIPE} for {path}")
    size = settings.data.size
    rate = measure_rate(settings, (channels, size, size), _MEASURED_S)
    proposed = proposal.propose(*known, rate)
    return recipes.merge(values, nested(proposed.settings)), proposed.minutes
