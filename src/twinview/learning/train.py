"""twinview.train: the training of stage pretrain, without DVC and MLflow, from arrays."""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from twinview.compute import devices
from twinview.core.errors import ConfigError
from twinview.data import arrays
from twinview.data.splits import Prepared
from twinview.learning import checkpoints
from twinview.learning.checkpoints import Checkpoints
from twinview.learning.curves import Curves
from twinview.learning.pretraining import Places, Training
from twinview.learning.session import Nowhere
from twinview.models.encoder import Encoder
from twinview.settings import defaults
from twinview.settings.params import Params
from twinview.views.live import LiveViews
from twinview.views.plan import ViewPlan

_FEWEST = 10  # examples that monitors can measure, as pretrain.monitor_examples has it


class Trained(NamedTuple):
    """What a training gives: the encoder, on the CPU and in evaluation mode, and its curves."""

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
    """Trains an encoder on examples, as stage pretrain does; returns it with its curves.

    The same examples, settings, threads and processor give the same encoder, to the bit, here and
    in the stage.

    Parameters
    ----------
    examples: uint8 pictures (n, c, h, w), c 1 or 3, as a NumPy array or a PyTorch tensor.
    labels: (n,), the class of each example: whole numbers or texts. None: there are none. Methods
        that learn without labels use them for the curve validation_knn only.
    out: a folder for encoder/, head/, steps.csv, epochs.csv, metrics.json and checkpoints/. A
        training that was killed goes on from its last checkpoint when it is started again with the
        same examples and settings; one that has finished is read. None: nothing is written.
    validation: how many examples, at least 10, are not trained on, so that the monitors can measure
        them. None: the share that params.yaml has, a twelfth.
    settings: other settings of params.yaml by dotted names: {"methods.simclr.temperature": 0.1}.
    pretrain: settings of params.yaml's section pretrain: method, encoder, head, optimizer, epochs,
        batch_size, learning_rate, seed, device, threads and so on. Those that are not given have
        the values of params.yaml.

    Returns
    -------
    encoder: a torch.nn.Module; uint8 (n, c, h, w) to features float32 (n, encoder.dim).
    curves: curves.steps and curves.epochs are lists of rows; curves.verdict is learning, slow or
        collapsed.

    Raises
    ------
    ConfigError: a setting is unknown, impossible or without effect here, or out has the results of
        another training.
    DataError: the examples or labels are not as above.
    TrainingError: the training has collapsed, or its loss is no number.

    Examples
    --------
    >>> encoder, curves = twinview.train(pictures, method="simclr", epochs=20, out="runs/first")
    """
    chosen = _settings(settings or {}, pretrain)
    prepared = _prepared(examples, labels, validation, chosen)
    plan = ViewPlan.from_options(chosen.views.seed, chosen.views.chain, chosen.augmentations)
    views = LiveViews(plan.renderer(prepared.modality), prepared.splits["train"])
    with _threads(chosen.pretrain.threads):
        training = Training.of(chosen, prepared, plan, views)
        with _checkpoints(out, training) as kept:
            session = training.session(kept)
            curves, left = session.watch.curves, training.total - session.state.number
            steps = training.steps(session, asked_to_stop=str)
            for _ in tqdm(steps, "train", left, disable=None, dynamic_ncols=True):
                pass
            if out is not None and isinstance(kept, Checkpoints):
                places = Places.below(Path(out))
                training.save(places, curves)
                kept.note_result(places.metrics)
    return Trained(training.encoder.cpu().eval(), curves)


def _settings(settings: Mapping[str, Any], pretrain: Mapping[str, Any]) -> Params:
    """params.yaml's settings with those given. Raises ConfigError for what has no effect here."""
    given = {f"pretrain.{name}": value for name, value in pretrain.items()}
    if twice := sorted(given.keys() & settings.keys()):
        raise ConfigError(f"{twice[0]}: is given twice, by its name and in settings; leave out one")
    chosen = defaults.with_changes(given | dict(settings))
    if chosen.pretrain.processes > 1:
        raise ConfigError(
            f"pretrain.processes: is {chosen.pretrain.processes}; twinview.train is one process: "
            "set it to 1, or run stage pretrain"
        )
    if chosen.views.mode != "live":
        raise ConfigError(
            f"views.mode: is {chosen.views.mode!r}; twinview.train renders views in its loop: set "
            "it to live, or run stage pretrain"
        )
    return chosen


def _prepared(examples: Any, labels: Any, validation: int | None, settings: Params) -> Prepared:
    """The splits. Raises DataError and ConfigError for examples or labels that cannot be used."""
    inputs, sizes = arrays.as_tensor(examples), settings.data
    share = sizes.validation / (sizes.train + sizes.validation)
    held_out = max(_FEWEST, round(share * len(inputs))) if validation is None else validation
    if not isinstance(held_out, int) or held_out < _FEWEST:
        raise ConfigError(
            f"validation: is {held_out!r}; give a number of examples, at least {_FEWEST}"
        )
    wanted = settings.pretrain.batch_size
    if len(inputs) - held_out < wanted:
        raise ConfigError(
            f"pretrain.batch_size: is {wanted}, more than the examples that are trained on: "
            f"{max(0, len(inputs) - held_out)} of {len(inputs)}, since {held_out} are held out; "
            "lower it, or give more examples"
        )
    prepared = arrays.divided(inputs, labels, held_out, sizes.seed)
    prepared.modality.check_chain(settings.views.chain, prepared.shape)
    return prepared


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Computes with so many threads inside, and with as many as before after."""
    before = torch.get_num_threads()
    devices.set_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _checkpoints(
    out: str | os.PathLike[str] | None, training: Training
) -> Iterator[Checkpoints | Nowhere]:
    """The checkpoints below out. Raises ConfigError where out has results of another training."""
    if out is None:
        yield Nowhere()
        return
    if Path(out).is_file():
        raise ConfigError(f"out: {out} is a file; name a folder")
    parts, shelf = _fingerprint(training), Path(out) / "checkpoints"
    if differs := checkpoints.differs_from_finished(shelf, parts):
        raise ConfigError(
            f"out: {out} has the results of another training, which differs in {differs}; name "
            "another folder, or delete this one"
        )
    with checkpoints.opened_below(shelf, parts, lambda folder: False) as kept:
        yield kept


def _fingerprint(training: Training) -> dict[str, str]:
    """What the result depends on. A notebook may have loaded anything, so all our code counts."""
    chosen = training.settings.chosen(*defaults.TRAINING_SECTIONS)
    del chosen["pretrain"]["checkpoint_every"]
    digest = hashlib.sha256()
    for name in ("train", "validation"):
        split = training.prepared.splits[name]
        for tensor in (split.inputs, split.ids, *(() if split.labels is None else (split.labels,))):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(memoryview(tensor.contiguous().numpy()))
    device = next(training.state.method.parameters()).device
    return checkpoints.fingerprint_of_package(chosen, device) | {"the examples": digest.hexdigest()}
