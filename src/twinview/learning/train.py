"""twinview.train: the training of stage pretrain, on arrays, without DVC and MLflow."""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from twinview.compute import devices
from twinview.core import files
from twinview.core.errors import ConfigError
from twinview.data import arrays
from twinview.data.splits import Prepared
from twinview.learning import checkpoints
from twinview.learning.checkpoints import Checkpoints
from twinview.learning.curves import Curves
from twinview.learning.pretraining import ResultPaths, Training
from twinview.learning.session import NoCheckpoints
from twinview.models.encoder import Encoder
from twinview.settings import defaults
from twinview.settings.params import Params
from twinview.settings.start_files import start_files
from twinview.views.live import LiveViews
from twinview.views.plan import ViewPlan

_MIN_VALIDATION = 10  # the smallest value of pretrain.monitor_examples


class Trained(NamedTuple):
    """The result of a training: the encoder, on the CPU and in evaluation mode, and its curves."""

    encoder: Encoder
    curves: Curves


def train(
    examples: Any,
    labels: Any = None,
    *,
    out: str | os.PathLike[str] | None = None,
    validation: int | None = None,
    settings: Mapping[str, Any] | None = None,
    **pretrain: Any,
) -> Trained:
    """The encoder that is trained on the examples, as stage pretrain does, and its curves.

    Equal examples, settings, threads and processors give equal encoders, to the bit, here and in
    the stage.

    Parameters
    ----------
    examples: uint8 pictures (n, c, h, w), c 1 or 3, as a NumPy array or a PyTorch tensor.
    labels: (n,), the class of each example: whole numbers or texts. None: there are none. Methods
        that learn without labels use them for the curve validation_knn only.
    out: a folder for encoder/, head/, steps.csv, epochs.csv, metrics.json and checkpoints/. A
        training that was killed continues from its last checkpoint when it is started again with
        the same examples and settings; the result of a finished one is read. None: nothing is
        written.
    validation: how many examples, at least 10, are held out, so that the monitors can measure
        them. None: the share of params.yaml, a twelfth.
    settings: other settings of params.yaml by dotted names: {"methods.simclr.temperature": 0.1}.
    pretrain: settings of params.yaml's section pretrain: method, encoder, head, optimizer, epochs,
        batch_size, learning_rate, seed, device, threads and so on. Settings that are not given have
        the values of params.yaml.

    Returns
    -------
    encoder: a torch.nn.Module; uint8 (n, c, h, w) to features float32 (n, encoder.dim).
    curves: curves.steps and curves.epochs are lists of rows; curves.verdict is healthy, slow or
        collapsed.

    Raises
    ------
    ConfigError: a setting is unknown, impossible or without effect here, or out has the results of
        another training.
    DataError: the examples or labels are not as described above.
    TrainingError: the training has collapsed, or its loss is not finite.

    Examples
    --------
    >>> encoder, curves = twinview.train(pictures, method="simclr", epochs=20, out="runs/first")
    """
    chosen = _settings(settings or {}, pretrain)
    prepared = _prepare(examples, labels, validation, chosen)
    plan = ViewPlan.from_options(chosen.views.seed, chosen.views.chain, chosen.augmentations)
    views = LiveViews(plan.renderer(prepared.modality), prepared.splits["train"])
    with _threads(chosen.pretrain.threads):
        training = Training.from_settings(chosen, prepared, plan, views)
        with _checkpoints(out, training) as store:
            session = training.session(store)
            curves, left = session.watch.curves, training.total_steps - session.state.number
            steps = training.steps(session, stop_requested_by=str)
            for _ in tqdm(steps, "train", left, disable=None, dynamic_ncols=True):
                pass
            if out is not None and isinstance(store, Checkpoints):
                results = ResultPaths.in_folder(Path(out))
                training.save(results, curves)
                store.record_result(results.metrics)
    return Trained(training.encoder.cpu().eval(), curves)


def _settings(settings: Mapping[str, Any], pretrain: Mapping[str, Any]) -> Params:
    """The settings of params.yaml with these changes.

    Raises ConfigError for a setting that has no effect in twinview.train.
    """
    by_name = {f"pretrain.{name}": value for name, value in pretrain.items()}
    if twice := sorted(by_name.keys() & settings.keys()):
        raise ConfigError.at(
            twice[0], "is given twice, by its name and in settings", "leave out one"
        )
    chosen = defaults.with_changes(by_name | dict(settings))
    if chosen.pretrain.processes > 1:
        raise ConfigError.at(
            "pretrain.processes",
            f"is {chosen.pretrain.processes}, but twinview.train runs in one process",
            "set it to 1, or run stage pretrain",
        )
    if chosen.views.mode != "live":
        raise ConfigError.at(
            "views.mode",
            f"is {chosen.views.mode!r}, but twinview.train renders views while it trains",
            "set it to live, or run stage pretrain",
        )
    return chosen


def _prepare(examples: Any, labels: Any, validation: int | None, settings: Params) -> Prepared:
    """The splits. Raises DataError and ConfigError for examples or labels that cannot be used."""
    inputs, sizes = arrays.as_tensor(examples), settings.data
    share = sizes.validation / (sizes.train + sizes.validation)
    held_out = validation
    if held_out is None:
        held_out = max(_MIN_VALIDATION, round(share * len(inputs)))
    if not isinstance(held_out, int) or held_out < _MIN_VALIDATION:
        raise ConfigError.at(
            "validation",
            f"is {held_out!r}",
            f"give a number of examples, at least {_MIN_VALIDATION}",
        )
    batch_size = settings.pretrain.batch_size
    if len(inputs) - held_out < batch_size:
        raise ConfigError.at(
            "pretrain.batch_size",
            f"is {batch_size}, more than the examples that are trained on: "
            f"{max(0, len(inputs) - held_out)} of {len(inputs)}, since {held_out} are held out",
            "lower it, or give more examples",
        )
    prepared = arrays.divided(inputs, labels, held_out, sizes.seed)
    prepared.modality.check_chain(settings.views.chain, prepared.shape)
    return prepared


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Sets the number of threads for the block, and restores the earlier number after it."""
    before = torch.get_num_threads()
    devices.set_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _checkpoints(
    out: str | os.PathLike[str] | None, training: Training
) -> Iterator[Checkpoints | NoCheckpoints]:
    """The checkpoints in the folder out. Raises ConfigError for another training's results."""
    if out is None:
        yield NoCheckpoints()
        return
    if Path(out).is_file():
        raise ConfigError.at(f"out: {out}", "is a file", "name a folder")
    parts, folder = _fingerprint(training), Path(out) / "checkpoints"
    if difference := checkpoints.difference_from_finished(folder, parts):
        raise ConfigError.at(
            f"out: {out}",
            f"has the results of another training, which differs in {difference}",
            "name another folder, or delete this one",
        )
    with checkpoints.open_in(folder, parts, lambda folder: False) as store:
        yield store


def _fingerprint(training: Training) -> dict[str, str]:
    """The parts that the result depends on; all code of twinview counts, as any may be loaded."""
    chosen = training.settings.chosen(*defaults.TRAINING_SECTIONS)
    del chosen["pretrain"]["checkpoint_every"]
    digest = hashlib.sha256()
    for name in ("train", "validation"):
        split = training.prepared.splits[name]
        for tensor in (split.inputs, split.ids, *(() if split.labels is None else (split.labels,))):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(memoryview(tensor.contiguous().numpy()))
    device = next(training.state.method.parameters()).device
    name = chosen["pretrain"]["encoder"]
    weights = {str(f): files.sha256(f) for f in start_files(name, chosen["encoders"][name])}
    examples = {"the examples": digest.hexdigest()}
    return checkpoints.fingerprint_of_package(chosen, device) | examples | weights
