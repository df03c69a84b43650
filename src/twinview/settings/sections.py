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


def _count_or_share(value: float) -> float:
    if isinstance(value, float) and value >= 1:
        raise ValueError("is no whole number of examples, and no share of all, which is below 1")
    return value


Size = Annotated[int | float, Gt(0), AfterValidator(_count_or_share)]
Byte = Annotated[int, Ge(0), Le(255)]


class Data(Section):
    """The source of the data, how its files are read, and the sizes of the three splits.

    modality: the kind of the source's inputs; it is a setting, so that DVC knows its file. size,
    channels: of pictures that are read from files. background, jpeg_margin: see
    pictures.decode.Reading. max_left_out: more of the files may not be left out; null: any number
    may. duplicates, near_pairs: what becomes of copies, see data.copies. pairs: a CSV file of
    labelled pairs in data/pairs/, or null.
    """

    source: Annotated[str, OneOf("sources")]
    modality: Annotated[str, OneOf("modalities")]
    size: Annotated[int, Ge(8)]
    channels: Literal[1, 3]
    background: tuple[Byte, Byte, Byte]
    jpeg_margin: Annotated[int, Ge(0)]
    max_left_out: Probability | None
    duplicates: Literal["report", "keep_first"]
    near_pairs: Literal["report", "one_split", "keep_first"]
    train: Size
    validation: Size
    test: Size
    seed: Seed
    pairs: Annotated[str, AfterValidator(_in_pairs_folder)] | None


class Cached(Section):
    """The view cache: the number of views of an example, and the size of a file."""

    count: Annotated[int, Ge(2)]
    shard_mb: Count


class Views(Section):
    """Augmented views: the chain of augmentations, and whether views are rendered once or anew.

    positives: whether the views of an example are all of itself, or of different members of its
    group.
    """

    mode: Literal["cached", "live"]
    positives: Literal["example", "group"]
    chain: Annotated[tuple[Annotated[str, OneOf("augmentations")], ...], Len(1), Distinct]
    seed: Seed
    cached: Cached


class SmallCrops(Section):
    """Small crops in addition to a method's views.

    count: the crops of an example. side: their shorter side, in pixels. scale: the window's share
    of the picture's area. A side far below the window's skips pixels, since nothing is smoothed.
    """

    count: Count
    side: Count
    scale: ShareRange


class Pretrain(Section):
    """The method, its networks and its budget.

    objective: NONE for a method that takes none. early_view_scale: views have so much of their side
    in the first half of the epochs. labels: unused: neither the training nor the
    division into splits depends on labels, which may come later.
    """

    method: Annotated[str, OneOf("methods")]
    objective: Annotated[str, OneOf("objectives", or_none=True)]
    encoder: Annotated[str, OneOf("encoders")]
    head: Annotated[str, OneOf("heads")]
    optimizer: Annotated[str, OneOf("optimizers")]
    epochs: Count
    batch_size: Annotated[int, Ge(2)]
    micro_batch: Count | None
    early_view_scale: Annotated[float, Gt(0), Le(1)]
    examples_per_class: Count | None
    learning_rate: Annotated[float, Gt(0)]
    learning_rate_scaling: Literal["none", "linear", "sqrt"]
    warmup_epochs: Annotated[float, Ge(0)]
    monitor_examples: Annotated[int, Ge(10)]
    checkpoint_every: Count
    seed: Seed
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "float32", "bfloat16"]
    labels: Literal["used", "unused"]
    compile: bool
    threads: Count
    processes: Count

    @property
    def rows_at_once(self) -> int:
        """How many of a view's rows the encoder gets in each process."""
        return min(self.micro_batch or self.batch_size, self.batch_size // self.processes)


class Baselines(Section):
    """What the encoder is compared with.

    epochs, batch_size, learning_rate: of the supervised baseline. They are not those of pretrain,
    so that experiments with pretraining share one baseline.
    """

    pca_components: Count
    supervised: bool
    epochs: Count
    batch_size: Annotated[int, Ge(2)]
    learning_rate: Annotated[float, Gt(0)]
    seed: Seed


class Embed(Section):
    """How features are computed. The batch size is fixed, since sums round differently in another.

    mirror: whether features are averaged with those of the mirrored input. components: to how many
    they are reduced by whitened PCA, fitted on train; None: they stay as they are.
    """

    batch_size: Count
    mirror: bool
    components: Count | None


class Evaluate(Section):
    """What is measured: which tasks, in this order, and whether on the head's outputs z too.

    group_folds: how often the labelled examples are divided anew by groups; null: never.
    """

    tasks: Annotated[tuple[Annotated[str, OneOf("tasks")], ...], Len(1), Distinct]
    probe_projections: bool
    group_folds: Annotated[int, Ge(2)] | None


class Report(Section):
    """The page: at most how many test examples are on its map, and are shown with neighbours."""

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
    verdicts: Annotated[tuple[Literal["healthy", "slow", "collapsed"], ...], Len(1), Distinct]
    model: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*$")]
