"""A pretraining as the stage and twinview.train run it: built, run from where it was, saved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from twinview.compute import batch_norm, devices, processes
from twinview.compute.gradient_cache import GradientCache
from twinview.core import files, randomness
from twinview.core.csv_files import save_rows
from twinview.core.errors import DataError
from twinview.core.types import Split
from twinview.data.splits import Prepared
from twinview.learning import monitors
from twinview.learning.curves import Curves
from twinview.learning.loop import Budget, State, Step
from twinview.learning.parts import Method
from twinview.learning.session import CheckpointStore, Session, follow
from twinview.learning.watch import Watch
from twinview.models import encoder, head
from twinview.models.encoder import Encoder
from twinview.settings.params import Params
from twinview.views.live import LiveViews, PairViews, Views
from twinview.views.plan import ViewPlan


@dataclass(frozen=True)
class ResultPaths:
    """Where the results of a training go: two folders, a JSON file, and two CSV files."""

    encoder: Path
    head: Path
    metrics: Path
    steps: Path
    epochs: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "ResultPaths":
        """All in one folder."""
        names = ("encoder", "head", "metrics.json", "steps.csv", "epochs.csv")
        return cls(*(folder / name for name in names))


@dataclass(frozen=True)
class Training:
    """A training before its first step. train: the examples, or labelled pairs of them."""

    settings: Params
    prepared: Prepared
    plan: ViewPlan
    encoder: Encoder
    state: State
    train: Split
    views: Views

    @classmethod
    def from_settings(
        cls, settings: Params, prepared: Prepared, plan: ViewPlan, views: Views
    ) -> "Training":
        """The training that the settings ask for. views: of the train split, as plan renders them.

        Raises ConfigError and DataError for settings that cannot train on these data.
        """
        own = settings.pretrain
        device = devices.choose_device(own.device)
        learner, method = build(settings, prepared)
        add_small_crops(views, plan, prepared, learner, method)
        train, views = examples(settings, prepared, views, method)
        if method.supervised and train.labels is None:
            raise DataError(
                f"pretrain.method: {own.method} learns from labels, and this data has none; "
                "give the labels, or choose a method that learns without"
            )
        if own.compile:
            devices.compile_in_place(learner, device)
        state = State.initial(method, settings.bound("optimizers", own.optimizer), device)
        return cls(settings, prepared, plan, learner, state, train, views)

    @property
    def budget(self) -> Budget:
        """Its length, learning rate and arithmetic."""
        return Budget.from_settings(self.settings.pretrain)

    @property
    def total_steps(self) -> int:
        """The number of all its steps."""
        return self.budget.steps(len(self.train))

    def session(self, kept: CheckpointStore) -> Session:
        """The training with what watches it, gone back to its newest checkpoint."""
        own = Session(self.state, self._watch(), kept)
        own.resume()
        return own

    def steps(
        self, own: Session, stop_requested_by: Callable[[], str]
    ) -> Iterator[tuple[Step, dict[str, float]]]:
        """The steps that are left, as Session.steps gives them."""
        every = self.settings.pretrain.checkpoint_every
        return own.steps(self.train, self.views, self.budget, every, stop_requested_by)

    def follow(self, stop_requested_by: Callable[[], str]) -> None:
        """Trains as one of the processes after the first."""
        follow(self.state, self.train, self.views, self.budget, stop_requested_by)

    def save(self, places: ResultPaths, curves: Curves) -> None:
        """Writes encoder, head and curves: what depends on settings, seeds and data only."""
        name = self.settings.pretrain.head
        encoder.save(places.encoder, self.encoder)
        options = self.settings.heads[name]
        head.save(places.head, self.state.method.head, name, options, self.encoder.dim)
        files.save_json(places.metrics, curves.summary())
        save_rows(places.steps, curves.steps)
        save_rows(places.epochs, curves.epochs)

    def _watch(self) -> Watch:
        """Two views of some validation examples are measured; as many train examples vote."""
        count, method = self.settings.pretrain.monitor_examples, self.state.method
        queries = monitors.evenly_spaced(self.prepared.splits["validation"], count)
        bank = monitors.evenly_spaced(self.prepared.splits["train"], count)
        batch = monitors.two_views(queries, self.plan.renderer(self.prepared.modality))
        chance = method.chance(self.budget.batch_size)
        curves = Curves(self.budget.steps_per_epoch(len(self.train)), chance)
        measured = [monitors.geometry, *monitors.validation_knn(queries, bank)]
        return Watch(method, batch, measured, curves)


def build(settings: Params, prepared: Prepared) -> tuple[Encoder, Method]:
    """The encoder with its first weights, and the method around it."""
    own = settings.pretrain
    options = settings.encoders[own.encoder]
    learner = encoder.build(encoder.Description.for_data(prepared, own.encoder, options), own.seed)
    with randomness.torch_seeded(own.seed, "method"):
        projector = settings.bound("heads", own.head)(learner.dim)
        views = GradientCache(learner, processes.local_micro_batch(own.batch_size, own.micro_batch))
        method = settings.bound("methods", own.method)(views, projector)
    batch_norm.synchronise(method)
    return learner, method


def add_small_crops(
    views: Views, plan: ViewPlan, prepared: Prepared, learner: Encoder, method: Method
) -> None:
    """Gives views the small crops that the method wants, if it does, rendered live.

    Raises ConfigError for crops that are too small for the encoder.
    """
    if method.small_crops is not None:
        render = plan.small_renderer(prepared.modality, method.small_crops)
        crops = LiveViews(render, prepared.splits["train"])
        views.small_crops = partial(crops.take, count=method.small_crops.count)
        encoder.require_map_size(learner, views.small_crops(torch.arange(1), 0)[0])


def examples(
    settings: Params, prepared: Prepared, views: Views, method: Method
) -> tuple[Split, Views]:
    """What batches are made of, and its views: train examples, or labelled pairs of them.

    Raises DataError where a method that learns from pairs has none, or not a batch of them.
    """
    train, pairs = prepared.splits["train"], prepared.pairs
    if not method.pairs:
        return train, views
    name, wanted = settings.pretrain.method, settings.pretrain.batch_size
    if pairs is None:
        raise DataError.at(
            f"methods.{name}",
            "learns from labelled pairs, and these data have none",
            "choose other positives, or let data.pairs name a file and run the pipeline",
        )
    if len(pairs) < wanted:
        raise DataError.at(
            "data.pairs",
            f"names a file with {len(pairs):,} pairs, but methods.{name} learns from batches of "
            f"{wanted:,}",
            "name another file, or lower pretrain.batch_size",
        )
    return pairs.as_split(), PairViews(views, pairs)
