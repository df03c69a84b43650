"""The sections of params.yaml that the stages read: types and ranges of their settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import (
    AfterValidator,
    FiniteFloat,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic_core import CoreSchema, core_schema

from twinview.core.paths import LABELLED_PAIRS, inside_project
from twinview.core.registry import Section, did_you_mean, names
from twinview.settings.ranges import ShareRange

Seed = Annotated[int, Ge(0), Lt(2**31)]
Count = Annotated[int, Ge(1)]
Probability = Annotated[float, Gt(0), Le(1)]
# The name that stands for no plug-in. It is not null, since DVC looks up
# `objectives.${pretrain.objective}`.
NONE = "none"


@dataclass(frozen=True)
class OneOf:
    """Marks a setting that names a plug-in of a kind; with or_none, also NONE."""

    kind: str
    or_none: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, core_schema.str_schema())

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "enum": self._names()}

    def _known(self, name: str) -> str:
        if name not in self._names():
            near = did_you_mean(name, self._names())
            raise ValueError(f"{self.kind} has no {name!r}{near}")
        return name

    def _names(self) -> list[str]:
        return [*names(self.kind), *([NONE] if self.or_none else [])]


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("a value occurs twice")
    return values


Distinct = AfterValidator(_distinct)


def _in_pairs_folder(name: str) -> str:
    if LABELLED_PAIRS not in Path(inside_project(name)).parents:
        raise ValueError(
            f"is not in {LABELLED_PAIRS}/, the folder in which DVC notices a change of the file; "
            "put it there, or set null where there are no labelled pairs"
        )
    return name


class Data(Section):
    """The source of the data, and the sizes of the three splits.

    modality: the kind of the source's inputs; it is a setting, so that DVC knows its file. pairs: a
    CSV file of labelled pairs in data/pairs/, or null.
    """

    source: Annotated[str, OneOf("sources")]
    modality: Annotated[str, OneOf("modalities")]
    train: Count
    validation: Count
    test: Count
    seed: Seed
    pairs: Annotated[str, AfterValidator(_in_pairs_folder)] | None


class Cached(Section):
    """The view cache: the number of views of an example, and the size of a file."""

    count: Annotated[int, Ge(2)]
    shard_mb: Count


class Views(Section):
    """Augmented views: the chain of augmentations, and whether views are rendered once or anew."""

    mode: Literal["cached", "live"]
    chain: Annotated[tuple[Annotated[str, OneOf("augmentations")], ...], Len(1), Distinct]
    seed: Seed
    cached: Cached


class SmallCrops(Section):
    """Small crops in addition to a method's views.

    count: the crops of an example. size: their shorter side, in pixels. scale: the window's share
    of the picture's area. A size far below the window's skips pixels, since nothing is smoothed.
    """

    count: Count
    size: Count
    scale: ShareRange


class Pretrain(Section):
    """The method, its networks and its budget. objective: NONE for a method that takes none."""

    method: Annotated[str, OneOf("methods")]
    objective: Annotated[str, OneOf("objectives", or_none=True)]
    encoder: Annotated[str, OneOf("encoders")]
    head: Annotated[str, OneOf("heads")]
    optimizer: Annotated[str, OneOf("optimizers")]
    epochs: Count
    batch_size: Annotated[int, Ge(2)]
    micro_batch: Count | None
    examples_per_class: Count | None
    learning_rate: Annotated[float, Gt(0)]
    learning_rate_scaling: Literal["none", "linear", "sqrt"]
    warmup_epochs: Annotated[float, Ge(0)]
    monitor_examples: Annotated[int, Ge(10)]
    checkpoint_every: Count
    seed: Seed
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "float32", "bfloat16"]
    compile: bool
    threads: Count
    processes: Count

    @property
    def rows_at_once(self) -> int:
        """How many of a view's rows the encoder gets in each process."""
        return min(self.micro_batch or self.batch_size, self.batch_size // self.processes)


class Baselines(Section):
    """What the encoder is compared with, trained for pretrain's steps in shuffled batches."""

    pca_components: Count
    supervised: bool
    learning_rate: Annotated[float, Gt(0)]
    seed: Seed


class Embed(Section):
    """How features are computed. The batch size is fixed, since sums round differently in another.

    mirror: whether features are averaged with those of the mirrored input.
    """

    batch_size: Count
    mirror: bool


class Evaluate(Section):
    """What is measured: which tasks, in this order, and whether on the head's outputs z too.

    group_folds: how often the labelled examples are divided anew by groups; null: never.
    """

    tasks: Annotated[tuple[Annotated[str, OneOf("tasks")], ...], Len(1), Distinct]
    probe_projections: bool
    group_folds: Annotated[int, Ge(2)] | None


class Report(Section):
    """The page: the test examples on its map, and those whose neighbours it shows."""

    points: Annotated[int, Ge(10)]
    queries: Count
    neighbours: Count
    seed: Seed


class Gate(Section):
    """What must hold for a change to land, and for an encoder to become champion.

    floors: the least value of a metric in reports/metrics.json. drops: how far a metric may fall
    below the base commit's or the champion's. better_than_raw: metrics that must be higher than
    those of raw pixels. model: the registered model that has the champion.
    """

    floors: dict[str, FiniteFloat]
    drops: dict[str, Annotated[FiniteFloat, Ge(0)]]
    better_than_raw: Annotated[tuple[str, ...], Distinct]
    verdicts: Annotated[tuple[Literal["learning", "slow", "collapsed"], ...], Len(1), Distinct]
    model: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*$")]
