"""The declaration of a stage in its script of pipeline/; dvc_yaml.py makes dvc.yaml from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# The setting that chooses the file of a kind. All files of other kinds count, since DVC can fill in
# a name (`encoders/${pretrain.encoder}.py`), but not the items of a list such as views.chain.
CHOSEN_BY: Mapping[str, str] = {
    "sources": "data.source",
    "modalities": "data.modality",
    "encoders": "pretrain.encoder",
    "heads": "pretrain.head",
    "optimizers": "pretrain.optimizer",
    "methods": "pretrain.method",
}
# The setting that chooses the plug-in whose options count. All files of objectives count, since any
# method may import one, but only the options of the chosen objective.
OPTIONS_OF: Mapping[str, str] = {**CHOSEN_BY, "objectives": "pretrain.objective"}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Everything that DVC must know of a stage and cannot see in the imports of its script.

    Parameters
    ----------
    reads: files and folders of data; "${data.pairs}" is the file that the setting names.
    settings: sections of params.yaml or single settings. The name of a kind of plug-ins stands for
        the options of the chosen one, or of all where a list chooses.
    plug_ins: the kinds of plug-ins whose code the stage runs.
    writes: outs that DVC keeps in its cache.
    unpushed: outs of the cache that `dvc push` leaves out, since making them is faster.
    pictures: outs of the cache that `dvc plots` shows.
    in_git: small outs that git keeps, since their diffs are useful.
    metrics: outs that git keeps and `dvc metrics` shows.
    counted: names of aside.ASIDE that can change the result of this stage.

    STAGE is evaluated without loading its script. It may use names that the script imports, but
    none of them should load PyTorch.
    """

    reads: tuple[Path | str, ...] = ()
    settings: tuple[str, ...] = ()
    plug_ins: tuple[str, ...] = ()
    writes: tuple[Path, ...] = ()
    unpushed: tuple[Path, ...] = ()
    pictures: tuple[Path, ...] = ()
    in_git: tuple[Path, ...] = ()
    metrics: tuple[Path, ...] = ()
    counted: tuple[str, ...] = ()

    @property
    def outs(self) -> tuple[Path, ...]:
        """All outs of the stage."""
        return self.writes + self.unpushed + self.pictures + self.in_git + self.metrics
