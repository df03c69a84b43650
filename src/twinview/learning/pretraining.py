"""Pretraining, as stage pretrain and twinview.train run it: it is built, continued and saved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from twinview.compute import batch_norm, devices, processes
from twinview.compute.gradient_cache import GradientCache
from twinview.core import files, randomness
from twinview.core.counts import counted
from twinview.core.csv_files import save_rows
from twinview.core.errors import DataError
from twinview.core.types import Modality, Pairs, Split
from twinview.data.splits import Prepared
from twinview.learning import monitors
from twinview.learning.curves import Curves
from twinview.learning.kept_apart import units_kept_apart
from twinview.learning.loop import Budget, State, Step
from twinview.learning.parts import Method
from twinview.learning.session import CheckpointStore, Session, follow
from twinview.learning.watch import Watch
from twinview.models import encoder, head
from twinview.models.encoder import Encoder
from twinview.settings.params import Params
from twinview.views.groups import group_views, require_groups
from twinview.views.live import LiveViews, Views, pair_views, views_of
from twinview.views.plan import ViewPlan
from twinview.views.shrunk import ShrunkViews


@dataclass(frozen=True)
class ResultPaths:
    """The paths of a training's results: two folders, a JSON file, and two CSV files."""

    encoder: Path
    head: Path
    metrics: Path
    steps: Path
    epochs: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "ResultPaths":
        """The paths of all results in one folder."""
        names = ("encoder", "head", "metrics.json", "steps.csv", "epochs.csv")
        return cls(*(folder / name for name in names))


@dataclass(frozen=True)
class Training:
    """A training before its first step.

    train: the train examples, or labelled pairs of them; those of one group never share a batch.
    views: the views of these. note: what to print about the examples, or "".
    """

    settings: Params
    prepared: Prepared
    plan: ViewPlan
    encoder: Encoder
    state: State
    train: Split
    views: Views
    note: str

    @classmethod
    def from_settings(
        cls, settings: Params, prepared: Prepared, plan: ViewPlan, views: Views
    ) -> "Training":
        """The training that the settings describe.

        Parameters
        ----------
        settings : the settings of params.yaml.
        prepared : the splits.
        plan : the plan by which views are rendered.
        views : the views of the train split, as the plan renders them.

        Raises
        ------
        ConfigError, DataError : the settings cannot train on these data.
        """
        options = settings.pretrain
        device = devices.choose_device(options.device)
        network, method = build(settings, prepared)
        add_small_crops(views, plan, prepared, network, method)
        train, views, note = examples(settings, prepared, plan, views, method)
        views = shrunk_early(views, settings, prepared.modality)
        if method.supervised and not len(train.labelled_rows()):
            raise DataError.at(
                "pretrain.method",
                f"is {options.method!r}, which learns from labels, and this data has none",
                "give the labels, or choose a method that learns without",
            )
        if options.compile:
            devices.compile_in_place(network, device)
        state = State.initial(method, settings.bound("optimizers", options.optimizer), device)
        return cls(settings, prepared, plan, network, state, train, views, note)

    @property
    def budget(self) -> Budget:
        """The length, learning rate and precision of the training."""
        budget = Budget.from_settings(self.settings.pretrain)
        return replace(budget, groups_apart=self.train.groups is not None)

    @property
    def total_steps(self) -> int:
        """The number of steps of the whole training."""
        return self.budget.steps(len(self.train))

    def session(self, checkpoints: CheckpointStore) -> Session:
        """The session of this training, restored from its newest checkpoint."""
        session = Session(self.state, self._watch(), checkpoints)
        session.resume()
        return session

    def steps(
        self, session: Session, stop_requested_by: Callable[[], str]
    ) -> Iterator[tuple[Step, dict[str, float]]]:
        """The remaining steps of the session, as Session.steps yields them."""
        every = self.settings.pretrain.checkpoint_every
        return session.steps(self.train, self.views, self.budget, every, stop_requested_by)

    def follow(self, stop_requested_by: Callable[[], str]) -> None:
        """Trains in a process other than the first."""
        follow(self.state, self.train, self.views, self.budget, stop_requested_by)

    def save(self, results: ResultPaths, curves: Curves) -> None:
        """Writes encoder, head and curves, which depend on settings, seeds and data only."""
        name = self.settings.pretrain.head
        encoder.save(results.encoder, self.encoder)
        options = self.settings.heads[name]
        head.save(results.head, self.state.method.head, name, options, self.encoder.dim)
        files.save_json(results.metrics, curves.summary())
        save_rows(results.steps, curves.steps)
        save_rows(results.epochs, curves.epochs)

    def _watch(self) -> Watch:
        """The watch, which measures some validation examples; as many train examples vote."""
        count, method = self.settings.pretrain.monitor_examples, self.state.method
        queries = monitors.evenly_spaced(self.prepared.splits["validation"], count)
        labelled = [
            monitors.evenly_spaced(self.prepared.splits[name], count, labelled=True)
            for name in ("validation", "train")
        ]
        batch = monitors.two_views(queries, self.plan.renderer(self.prepared.modality))
        chance = method.chance(self.budget.batch_size)
        curves = Curves(self.budget.steps_per_epoch(len(self.train)), chance)
        measured = [monitors.geometry, *monitors.validation_knn(*labelled)]
        return Watch(method, batch, measured, curves)


def build(settings: Params, prepared: Prepared) -> tuple[Encoder, Method]:
    """The encoder with its initial weights, and the method that trains it."""
    options = settings.pretrain
    description = encoder.Description.for_data(
        prepared, options.encoder, settings.encoders[options.encoder]
    )
    network = encoder.build_for(prepared, description, options.seed)
    micro_batch = processes.local_micro_batch(options.batch_size, options.micro_batch)
    with randomness.torch_seeded(options.seed, "method"):
        projector = settings.bound("heads", options.head)(network.dim)
        cached = GradientCache(network, micro_batch)
        method = settings.bound("methods", options.method)(cached, projector)
    batch_norm.synchronise(method)
    return network, method


def add_small_crops(
    views: Views, plan: ViewPlan, prepared: Prepared, network: Encoder, method: Method
) -> None:
    """Adds small crops to the views, rendered live, if the method uses them.

    Parameters
    ----------
    views : the views of the train split, which are changed.
    plan : the plan by which the crops are rendered.
    prepared : the splits.
    network : the encoder, which may need crops of a certain size.
    method : states the number and size of the crops.

    Raises
    ------
    ConfigError : the crops are too small for the encoder.
    """
    if method.small_crops is not None:
        render = plan.small_renderer(prepared.modality, method.small_crops)
        crops = LiveViews(render, prepared.splits["train"])
        views.small_crops = partial(crops.take, count=method.small_crops.count)
        encoder.require_map_size(network, views.small_crops(torch.arange(1), 0)[0])


def shrunk_early(views: Views, settings: Params, modality: Modality) -> Views:
    """The views, those of the first half of the epochs shrunk by pretrain.early_view_scale."""
    scale, epochs = settings.pretrain.early_view_scale, settings.pretrain.epochs // 2
    if scale == 1:
        return views
    return ShrunkViews(views, epochs, partial(modality.shrink, scale=scale))


def examples(
    settings: Params, prepared: Prepared, plan: ViewPlan, views: Views, method: Method
) -> tuple[Split, Views, str]:
    """The examples that are trained on, their views, and what to print about them.

    They are labelled pairs for a method that needs pairs, the labelled rows of train where batches
    are balanced by class, and all of train otherwise. Those of one group must not share a batch.

    Parameters
    ----------
    settings : they name the method, the size of its batches and what its views are of.
    prepared : the splits and the labelled pairs.
    plan : its seed draws the members of groups.
    views : the views of the train split.
    method : the method that is trained.

    Raises
    ------
    DataError : the method learns from pairs, or pretrain.examples_per_class is set, and there are
        no pairs or labels, or fewer than a batch; views.positives is group, and there are none.
    ConfigError : the groups leave too few examples for a batch.
    """
    train = prepared.splits["train"]
    if method.pairs:
        pairs = _require_pairs(settings, prepared)
        return pairs.as_split(), pair_views(views, pairs), ""
    if settings.views.positives == "group":
        views = group_views(views, require_groups(train), plan.seed)
    if settings.pretrain.examples_per_class is not None:
        rows = _require_labelled(settings, train)
        if train.labels is not None and len(rows) < len(train):
            # The loop needs no inputs, of which a copy may not fit into memory.
            labelled = Split(torch.empty(len(rows), 0), train.labels[rows], train.ids[rows])
            return labelled, views_of(views, rows), ""
        return replace(train, groups=None), views, ""
    units, note = units_kept_apart(settings, prepared)
    return replace(train, groups=units), views, note


def _require_pairs(settings: Params, prepared: Prepared) -> Pairs:
    """The labelled pairs. Raises DataError when there are none, or fewer than a batch."""
    pairs = prepared.pairs
    name, batch_size = settings.pretrain.method, settings.pretrain.batch_size
    if pairs is None:
        raise DataError.at(
            f"methods.{name}",
            "learns from labelled pairs, and these data have none",
            "choose other positives, or let data.pairs name a file and run the pipeline",
        )
    if len(pairs) < batch_size:
        raise DataError.at(
            "data.pairs",
            f"names a file with {counted(len(pairs), 'pair')}, but methods.{name} learns from "
            f"batches of {batch_size:,}",
            "name another file, or lower pretrain.batch_size",
        )
    return pairs


def _require_labelled(settings: Params, train: Split) -> Tensor:
    """The rows with a label. Raises DataError when there are fewer than a batch."""
    rows, batch_size = train.labelled_rows(), settings.pretrain.batch_size
    if len(rows) < batch_size:
        raise DataError.at(
            "pretrain.examples_per_class",
            f"balances classes, and {counted(len(rows), 'train example')} "
            f"{'has' if len(rows) == 1 else 'have'} a label, fewer than "
            f"pretrain.batch_size: {batch_size:,}",
            "set it to null, or lower pretrain.batch_size",
        )
    return rows
