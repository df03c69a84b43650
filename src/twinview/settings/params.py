"""params.yaml, typed and checked as a whole.

The sections of the stages are classes of twinview.settings.sections. Those of the plug-ins
(methods, encoders and so on) come from their signatures, so that a new file needs no change here.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from annotated_types import Len
from pydantic import BaseModel, ValidationError, create_model, model_validator
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview.core import declare
from twinview.core.counts import counted
from twinview.core.errors import ConfigError
from twinview.core.registry import (
    Section,
    bind,
    declaration,
    explain,
    names,
    options_model,
)
from twinview.settings import check_cache, recipes, renamed, result_names
from twinview.settings.ranges import oversized
from twinview.settings.sections import (
    NONE,
    Baselines,
    Data,
    Distinct,
    Embed,
    Evaluate,
    Gate,
    Pretrain,
    Probability,
    Report,
    Views,
)
from twinview.settings.start_files import require_tracked

M = TypeVar("M", bound=BaseModel)
Candidates = dict[str, dict[str, Any]]


class Params(Section):
    """All settings of the pipeline. None has a default in the code: params.yaml has every one."""

    data: Data
    views: Views
    pretrain: Pretrain
    baselines: Baselines
    embed: Embed
    evaluate: Evaluate
    report: Report
    gate: Gate
    sources: Candidates
    augmentations: Candidates
    encoders: Candidates
    heads: Candidates
    optimizers: Candidates
    objectives: Candidates
    methods: Candidates
    probes: Candidates
    tasks: Candidates

    def bound(self, kind: str, name: str) -> Callable[..., Any]:
        """The plug-in `name` with the options that params.yaml states for it.

        A method that learns by an objective gets pretrain.objective, bound.
        """
        made = bind(kind, name, getattr(self, kind)[name])
        if kind == "methods" and takes_objective(name):
            made = partial(made, objective=self.bound("objectives", self.pretrain.objective))
        return made

    def chosen(self, *sections: str) -> dict[str, Any]:
        """The named sections as plain values; of plug-ins, those that are chosen."""
        tree = self.model_dump(mode="json", include=set(sections))
        for kind in tree.keys() & set(PLUGIN_SECTIONS):
            names = {name for _, of, name in _choices(self) if of == kind and name != NONE}
            tree[kind] = {name: tree[kind][name] for name in tree[kind] if name in names}
        return tree

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        faults = [*_unstated(self), *_impossible(self), *_refused(self)]
        if faults:
            raise ValueError("\n".join(faults))
        return self


def load(path: Path = Path("params.yaml")) -> Params:
    """The settings of a stage, without importing plug-ins that it does not use."""
    return parse(Params, stated(path), str(path))


def check(path: Path = Path("params.yaml"), rows: Mapping[str, int] | None = None) -> None:
    """Raises ConfigError that lists all faults of the file, those of plug-ins' options included.

    If there is none, the head and the method are made, and a ConfigError says what they refuse.
    That loads PyTorch, so settings that passed are remembered.

    rows: of the prepared splits, where data states their shares; None: not known yet.
    """
    values = stated(path)
    if rows and isinstance(values, Mapping):
        values = recipes.merge(values, {"data": rows})
    check_stated(values, str(path))


def check_stated(values: object, place: str) -> None:
    """Checks values as `check` checks a file. place: the file that has or would have them."""
    parse(whole_model(), values, place)
    settings = parse(Params, values, place)
    encoder = settings.pretrain.encoder
    try:
        require_tracked(encoder, settings.encoders[encoder])
    except ConfigError as error:
        raise _faulty(place, [str(error)]) from None
    key = check_cache.key(settings.model_dump_json())
    if check_cache.has(key):
        return
    try:
        _make(settings)
    except ConfigError as error:
        raise _faulty(place, [str(error)]) from None
    check_cache.add(key)


def _make(settings: Params) -> None:
    """Raises ConfigError for what head and method refuse, and for settings that do not fit them."""
    from torch import nn  # here alone: settings are loaded, and known ones checked, without it

    own, cached, width = settings.pretrain, settings.views.cached, 8  # any will do
    head = settings.bound("heads", own.head)(width)
    method = settings.bound("methods", own.method)(nn.Identity(), head)
    views = method.views
    if settings.views.positives == "group" and views == 1:
        raise ConfigError.at(
            "views.positives",
            f"is group, but methods.{own.method} takes one view of an example",
            "set it to example",
        )
    if reader := _reader_of_labels(settings, method.supervised):
        _require_that_labels_may_be_read(settings, reader)
    if settings.views.mode == "cached" and cached.count % views:
        raise ConfigError(
            f"views.cached.count: is {cached.count}; methods.{own.method} takes {views} views of "
            f"an example at a time, so it must be a multiple of {views}"
        )


def _reader_of_labels(settings: Params, supervised: bool) -> str:
    """The setting by which the training reads labels; "" if it reads none.

    supervised: whether the method learns from labels.
    """
    if supervised:
        return f"methods.{settings.pretrain.method}"
    return "pretrain.examples_per_class" if settings.pretrain.examples_per_class else ""


def _require_that_labels_may_be_read(settings: Params, reader: str) -> None:
    """Raises ConfigError where the training may not read labels, or results would mislead then."""
    if settings.pretrain.labels == "unused":
        raise ConfigError.at(
            "pretrain.labels",
            f"is unused, but {reader} reads labels",
            "set it to used, or choose a training that needs none",
        )
    draws = settings.evaluate.group_folds
    if draws is not None:
        raise ConfigError(
            f"evaluate.group_folds: is {draws}, but {reader} uses labels of train examples, which "
            "other divisions by groups test, so that results would be too good; set it to null"
        )


def whole_model() -> type[Params]:
    """Params with every plug-in's options typed by its signature."""
    sections = {kind: (_candidates(kind), ...) for kind in PLUGIN_SECTIONS}
    return create_model("Params", __base__=Params, __doc__=Params.__doc__, **sections)  # type: ignore[call-overload,no-any-return]


PLUGIN_SECTIONS = tuple(k for k, f in Params.model_fields.items() if f.annotation == Candidates)


def json_schema() -> dict[str, Any]:
    """The JSON schema by which editors complete and check params.yaml."""
    return whole_model().model_json_schema()


def _candidates(kind: str) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name in names(kind):
        model = options_model(kind, name)
        if kind == "augmentations":
            model = create_model(f"{kind}.{name}", __base__=model, probability=(Probability, ...))
        if kind == "probes":
            model = _grid(model)
        fields[name] = (model | None, None)
    if kind == "objectives":
        fields[NONE] = (create_model(f"{kind}.{NONE}", __base__=Section) | None, None)
    return create_model(kind, __base__=_Candidates, **fields)


class _Candidates(Section):
    """The options of every candidate of a kind, whether it is chosen or not."""

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __contains__(self, name: str) -> bool:
        return getattr(self, name, None) is not None


def _grid(model: type[BaseModel]) -> type[BaseModel]:
    """A probe's options, each a list of values, one of which is selected on validation."""
    fields: dict[str, Any] = {
        name: (Annotated[tuple[_typed(field), ...], Len(1), Distinct], ...)  # type: ignore[misc]
        for name, field in model.model_fields.items()
    }
    return create_model(model.__name__, __base__=Section, __doc__=model.__doc__, **fields)


def stated(path: Path) -> Any:
    """The values of a file; those of a recipe are merged into the params.yaml beside recipes/.

    Raises ConfigError for a file that is missing or not YAML, and for a recipe without settings.
    """
    base = recipes.base_of(path)
    if base is None:
        return _loaded(path)
    return recipes.merge(mapping(base), mapping(path))


def mapping(path: Path) -> dict[str, Any]:
    """The values of a file alone. Raises ConfigError for a file that has no settings by name."""
    values = _loaded(path)
    if not isinstance(values, dict):
        raise ConfigError.at(path, f"is {values!r}, not settings by name", "state at least one")
    return values


def _loaded(path: Path) -> object:
    try:
        return YAML(typ="safe").load(_read(path))
    except YAMLError as error:
        raise ConfigError.at(path, f"is not valid YAML: {error}", "mend it there") from None


def _typed(field: FieldInfo) -> Any:
    """A field's type with its ranges, as it was written in the signature."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def parse(model: type[M], value: object, place: str) -> M:
    """A section, or all settings, from plain values. Raises ConfigError that lists all faults."""
    try:
        return _validated(model, value)
    except ValidationError:
        current, faults = renamed.translate(value)
        raise _faulty(place, [*faults, *_faults(model, current)]) from None


def _validated(model: type[M], value: object) -> M:
    return model.model_validate_json(json.dumps(value, default=str))


def _faults(model: type[BaseModel], value: object) -> list[str]:
    try:
        _validated(model, value)
    except ValidationError as error:
        faults = [line for fault in explain(error, model) for line in fault.split("\n")]
        return [fault.removeprefix(": ") for fault in faults]
    return []


def _faulty(place: str, faults: Sequence[str]) -> ConfigError:
    lines = "\n".join(f"  {fault}" for fault in faults)
    return ConfigError(f"{place} has {counted(len(faults), 'fault')}:\n{lines}", faults)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError.at(
            path.absolute(),
            "is missing",
            "run in the project's folder, or `git checkout HEAD -- params.yaml` if it was deleted",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError.at(path, f"is not UTF-8 text: {error}", "save it as UTF-8") from None


def _choices(params: Params) -> list[tuple[str, str, str]]:
    """The setting, the kind and the name of each chosen plug-in."""
    return [
        ("data.source", "sources", params.data.source),
        ("pretrain.method", "methods", params.pretrain.method),
        ("pretrain.encoder", "encoders", params.pretrain.encoder),
        ("pretrain.head", "heads", params.pretrain.head),
        ("pretrain.optimizer", "optimizers", params.pretrain.optimizer),
        ("pretrain.objective", "objectives", params.pretrain.objective),
        *(("views.chain", "augmentations", name) for name in params.views.chain),
        *(("evaluate.tasks", "tasks", name) for name in params.evaluate.tasks),
        *_chosen_by_tasks(params),
    ]


def _chosen_by_tasks(params: Params) -> Iterator[tuple[str, str, str]]:
    """The plug-ins that tasks list in an option with a kind's name: tasks.classification.probes.

    The check of the task's own options refuses a value that is no list.
    """
    for task in params.evaluate.tasks:
        options = dict(params.tasks[task]) if task in params.tasks else {}
        for kind in PLUGIN_SECTIONS:
            listed = options.get(kind)
            for name in listed if isinstance(listed, list | tuple) else ():
                yield f"tasks.{task}.{kind}", kind, name


def _unstated(params: Params) -> list[str]:
    """Faults of chosen plug-ins for which params.yaml has no options."""
    unstated = [
        f"{setting}: is {name!r}, but {kind}.{name} states no options"
        for setting, kind, name in _choices(params)
        if name not in getattr(params, kind)
    ]
    if "linear" not in params.probes:
        unstated.append("probes.linear: is missing; models/probe is a linear probe, so state it")
    return unstated


def _impossible(params: Params) -> Iterator[str]:
    """Faults of settings that are valid alone but not together."""
    own = params.pretrain
    yield from _oversized(params)
    yield from _indivisible(own)
    if own.examples_per_class is not None and params.views.positives == "group":
        yield (
            f"pretrain.examples_per_class: is {own.examples_per_class}, and views.positives is "
            "'group', so batches could not keep the examples of a group apart; set one of them "
            "to its usual value, null or example"
        )
    if own.warmup_epochs >= own.epochs:
        yield (
            f"pretrain.warmup_epochs: is {own.warmup_epochs}, but the training ends "
            f"after pretrain.epochs: {own.epochs}"
        )


def _refused(params: Params) -> Iterator[str]:
    """What does not fit the chosen plug-ins' declarations.

    Only settings that whole_model has checked are looked at, so that stages read no declarations.
    """
    if not isinstance(params.methods, BaseModel):
        return
    yield from _idle_or_lacking(params.pretrain)
    yield from _of_another_modality(params)
    yield from result_names.shared_names(params.evaluate, params.tasks)
    yield from result_names.unknown_metrics(params.gate, params.tasks)
    yield from _idle_group_folds(params.evaluate)
    yield from _misleading_group_folds(params)
    for _, kind, name in _choices(params):
        candidates = getattr(params, kind)
        if name in candidates and name != NONE and (check := declaration(kind, name).check):
            yield from check(dict(candidates[name]), params)


def _of_another_modality(params: Params) -> Iterator[str]:
    """Faults of what is not for data.modality: plug-ins, and settings for pictures alone."""
    modality = params.data.modality
    given = _modality_of("sources", params.data.source)
    if given != modality:
        yield (
            f"data.modality: is {modality!r}, and sources.{params.data.source} gives "
            f"{given!r}; set it to that"
        )
    chosen = [("views.chain", "augmentations", name) for name in params.views.chain]
    chosen.append(("pretrain.encoder", "encoders", params.pretrain.encoder))
    chosen += [("evaluate.tasks", "tasks", name) for name in params.evaluate.tasks]
    for setting, kind, name in chosen:
        own = _modality_of(kind, name)
        if own not in (modality, None):
            able = ", ".join(n for n in names(kind) if _modality_of(kind, n) in (modality, None))
            yield (
                f"{setting}: {name!r} is for {own!r}, and data.modality is {modality!r}; take one "
                f"that fits: {able}"
            )
    declared = declaration("modalities", modality)
    if isinstance(declared, declare.Modality) and not declared.are_pictures:
        yield from _for_pictures_alone(params)


def _modality_of(kind: str, name: str) -> str | None:
    """The modality that a plug-in declares; None where it takes any."""
    declared = declaration(kind, name)
    kinds = declare.Source | declare.Augmentation | declare.Encoder | declare.Task
    assert isinstance(declared, kinds)
    return declared.modality


def _for_pictures_alone(params: Params) -> Iterator[str]:
    """Faults of settings that mean nothing to inputs without sides."""
    why = f"data.modality is {params.data.modality!r}, whose inputs are no pictures"
    if params.embed.mirror:
        yield f"embed.mirror: is true, and {why}; set it to false"
    if params.pretrain.early_view_scale != 1:
        yield (
            f"pretrain.early_view_scale: is {params.pretrain.early_view_scale:g}, and {why}; set "
            "it to 1"
        )
    if params.data.near_pairs != "report":
        yield f"data.near_pairs: is {params.data.near_pairs!r}, and {why}; set it to 'report'"
    method = params.pretrain.method
    if method in params.methods and getattr(params.methods[method], "small_crops", None):
        yield f"methods.{method}.small_crops: are asked for, and {why}; set it to null"


def _idle_group_folds(own: Evaluate) -> Iterator[str]:
    """A fault if no chosen task is measured over divisions by groups."""
    if own.group_folds is not None and not any(map(_over_groups, own.tasks)):
        able = ", ".join(name for name in names("tasks") if _over_groups(name))
        yield (
            f"evaluate.group_folds: is {own.group_folds}, but none of evaluate.tasks is measured "
            f"over divisions by groups; name one that is ({able}), or set it to null"
        )


def _misleading_group_folds(params: Params) -> Iterator[str]:
    """Faults if divisions by groups would test what the encoder has learnt, or part copies."""
    draws = params.evaluate.group_folds
    if draws is None:
        return
    if params.data.near_pairs == "one_split":
        yield (
            f"evaluate.group_folds: is {draws}, but data.near_pairs: one_split keeps copies in one "
            "split, which other divisions by groups do not; set it to null, or data.near_pairs and "
            "data.duplicates to keep_first"
        )
    if params.views.positives == "group":
        yield (
            f"evaluate.group_folds: is {draws}, but views.positives: group trains on which "
            "examples belong together, and other divisions by groups test some of these groups, so "
            "that results would be too good; set one of the two to its default (null, example)"
        )


def _over_groups(task: str) -> bool:
    declared = declaration("tasks", task)
    return isinstance(declared, declare.Task) and declared.over_groups


def takes_objective(method: str) -> bool:
    """Whether a method learns by pretrain.objective."""
    declared = declaration("methods", method)
    return isinstance(declared, declare.Method) and declared.objective


def _idle_or_lacking(own: Pretrain) -> Iterator[str]:
    """Faults of an objective that the method ignores, and of a missing one that it needs."""
    takes, given = takes_objective(own.method), own.objective != NONE
    if takes and not given:
        yield (
            f"pretrain.objective: is {own.objective!r}, and methods.{own.method} learns by an "
            f"objective; set it to one of {', '.join(names('objectives'))}"
        )
    if given and not takes:
        able = ", ".join(name for name in names("methods") if takes_objective(name))
        yield (
            f"pretrain.objective: is {own.objective!r}, and methods.{own.method} has a loss of its "
            f"own, so it would do nothing; set it to {NONE}, or pretrain.method to one of {able}"
        )


def _oversized(params: Params) -> Iterator[str]:
    """Faults of settings that ask for more rows than a split has."""
    yield from oversized("pretrain.batch_size", params.pretrain.batch_size, "train", params)
    yield from oversized("report.neighbours", params.report.neighbours, "train", params)
    components = params.baselines.pca_components
    yield from oversized("baselines.pca_components", components, "train", params)


def _indivisible(own: Pretrain) -> Iterator[str]:
    """Faults of settings that do not divide the batch size."""
    batch, micro, per_class = own.batch_size, own.micro_batch, own.examples_per_class
    if micro is not None and batch % micro:
        near = max(d for d in range(1, min(micro, batch) + 1) if batch % d == 0)
        yield (
            f"pretrain.micro_batch: is {micro}, which does not divide pretrain.batch_size: "
            f"{batch}; set it to {near}, or to null for the whole batch at once"
        )
    if per_class is not None and batch % per_class:
        yield (
            f"pretrain.examples_per_class: is {per_class}, which does not divide "
            f"pretrain.batch_size: {batch}; set it to {math.gcd(per_class, batch)}, or to null"
        )
    if rest := batch % own.processes:
        yield (
            f"pretrain.processes: is {own.processes}, which cannot share pretrain.batch_size: "
            f"{batch} evenly; set pretrain.batch_size to {batch - rest or own.processes}"
        )
