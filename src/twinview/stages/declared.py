"""What a script of pipeline/ declares of its stage; dvc_yaml.py writes dvc.yaml from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# The setting that chooses a kind's file. Of other kinds every file counts: DVC can fill in a name
# (`encoders/${pretrain.encoder}.py`), but not the items of a list such as views.chain.
CHOSEN_BY: Mapping[str, str] = {
    "sources": "data.source",
    "modalities": "data.modality",
    "encoders": "pretrain.encoder",
    "heads": "pretrain.head",
    "optimizers": "pretrain.optimizer",
    "methods": "pretrain.method",
}
# The setting that chooses whose options count. Methods with a loss of their own may import an
# objective: so the options of the chosen one count, and the files of all.
OPTIONS_OF: Mapping[str, str] = {**CHOSEN_BY, "objectives": "pretrain.objective"}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What DVC must know of a stage and cannot see in what its script imports.

    Parameters
    ----------
    reads: files and folders of data; "${data.pairs}" is the file that a setting names.
    settings: sections of params.yaml or single settings. The name of a kind of plug-ins stands for
        the options of the chosen one, or of all where a list chooses.
    plug_ins: the kinds of plug-ins whose code the stage runs.
    writes: outs that DVC keeps in its cache.
    unpushed: outs of the cache that `dvc push` leaves out, since they are made faster than fetched.
    pictures: outs of the cache that `dvc plots` shows.
    in_git: outs that git keeps, small and worth a diff.
    metrics: outs that git keeps and `dvc metrics` shows.
    counted: names of aside.ASIDE that are part of this stage's result.

    A STAGE is evaluated without loading its script: it may name what the script imports, best
    nothing that loads PyTorch.
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
        """All that the stage writes."""
        return self.writes + self.unpushed + self.pictures + self.in_git + self.metrics
