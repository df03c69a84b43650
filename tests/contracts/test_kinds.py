"""Laws for every file of every kind; its entry in params.yaml brings a new one under them.

A plug-in opts out of a law by its name in DECLARES, with the reason (core/declare.py). Then it has
to break that law.
"""

import dataclasses
import importlib
import inspect
import json
import math
import re
import types
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import permutations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.plugins import (
    OBJECTIVE,
    bound,
    declared_method,
    declared_objective,
    labels,
    objective,
    options,
    random,
)
from tests.support.workspace import ROOT
from twinview.compute.gradient_cache import GradientCache
from twinview.core import declare, registry
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import NO_LABEL, Batch, Modality, PairLabels, Projections
from twinview.learning import tally
from twinview.learning.parts import Method, output_width
from twinview.texts.sequences import compact

FILES = [(kind, name) for kind in registry.KINDS for name in registry.names(kind)]
SHAPES = [(1, 12, 12), (3, 9, 14)]
DEGENERATE: dict[str, Callable[[Tensor], Tensor]] = {
    "all alike": torch.ones_like,
    "zeros": torch.zeros_like,
    "alike in a view": lambda z: z[:, :1].expand_as(z).clone(),
    "a dead feature": lambda z: torch.cat([z[..., :-1], torch.zeros_like(z[..., -1:])], dim=-1),
}


HEAD = nn.Linear(5, 3)
# What each modality stores, of several values.
STORED = {
    "image": torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16),
    "text": torch.tensor([[[5, 3, 0], [0, 0, 0]], [[2, 0, 0], [7, 7, 1]]], dtype=torch.int32),
    "series": torch.tensor([[[5.0, 3.5, -1.0], [0.0, 2.0, 1e6]], [[2.0, 0.0, 0.0], [7.0, 7.0, 1]]]),
}
# The shapes that encoders of a modality are built for; of texts, the length and the vocabulary; of
# series, twice the channels and the steps.
BUILT_FOR = {"image": SHAPES, "text": [(12, 30), (8, 9)], "series": [(2, 12), (6, 31)]}


def modality_of(encoder: str) -> str:
    declared = registry.declaration("encoders", encoder)
    assert isinstance(declared, declare.Encoder)
    return declared.modality


ENCODERS = [(n, of) for n in registry.names("encoders") for of in BUILT_FOR[modality_of(n)]]


def inputs(encoder: str, n: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Standardised pictures; or texts of different lengths, with every token of the vocabulary.

    Or standardised series of different lengths, with gaps.
    """
    if modality_of(encoder) == "image":
        return random(n, *shape, seed=seed)
    if modality_of(encoder) == "series":
        x = random(n, shape[0] // 2, shape[1], seed=seed)
        has = (random(*x.shape, seed=seed + 1) > -1) & (
            torch.arange(shape[1]) < shape[1] - torch.arange(n)[:, None, None]
        )
        return torch.cat([x * has, has.float()], dim=1)
    length, size = shape
    x = (torch.arange(n * length) * 7 + seed).view(n, length) % size
    return compact(x.masked_fill(torch.arange(length) >= length - torch.arange(n)[:, None], 0))


def opts_out(kind: str, name: str, law: str) -> bool:
    return law in registry.declaration(kind, name).opts_out


LAWS = {
    "methods": {"negatives", "chance", "order of views", "float16 gradient"},
    "objectives": {"negatives", "order of views", "rotation", "float16 gradient"},
}


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_laws_that_a_file_opts_out_of_exist_and_have_a_reason(kind: str, name: str) -> None:
    declared = registry.declaration(kind, name)
    if kind != "augmentations":  # theirs are in test_augmentations.py
        assert set(declared.opts_out) <= LAWS.get(kind, set())
    assert all(reason.strip() for reason in declared.opts_out.values())
    stated = registry.options_model(kind, name).model_fields
    assert set(declared.quick) <= set(stated), "quick names options that there are"


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_a_file_has_one_public_function_called_like_it(kind: str, name: str) -> None:
    module = importlib.import_module(f"twinview.{kind}.{name}")
    functions = [
        key
        for key, value in vars(module).items()
        if isinstance(value, types.FunctionType)
        and value.__module__ == module.__name__
        and not key.startswith("_")
    ]
    assert functions == [name]


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_options_are_keyword_only_typed_and_without_defaults(kind: str, name: str) -> None:
    for parameter in inspect.signature(registry.find(kind, name)).parameters.values():
        assert parameter.default is parameter.empty, parameter
        assert parameter.annotation is not parameter.empty, parameter
        assert parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_a_file_and_its_callable_say_what_they_are(kind: str, name: str) -> None:
    module = importlib.import_module(f"twinview.{kind}.{name}")
    for text in (module.__doc__, inspect.getdoc(registry.find(kind, name))):
        assert text and text.partition("\n")[0].endswith(".")


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_an_option_that_does_not_exist_is_refused(kind: str, name: str) -> None:
    with pytest.raises(registry.ConfigError, match=rf"{kind}\.{name}\.zzz: there is no such key"):
        registry.bind(kind, name, {"zzz": 1})


@pytest.mark.parametrize("name", registry.names("modalities"))
def test_a_modality_packs_what_it_unpacked_unchanged(name: str) -> None:
    modality: Modality = registry.bind("modalities", name, {})()
    stored = STORED[name]
    modality.check(stored)
    view = modality.view(stored, torch.zeros(len(stored), dtype=torch.int64))
    before = view.clone()
    assert torch.equal(modality.pack(modality.unpack(view).mul_(1)), before)
    assert torch.equal(view, before), "what is unpacked may be changed"


@pytest.mark.parametrize("name", registry.names("modalities"))
def test_a_modality_refuses_what_another_stores(name: str) -> None:
    modality: Modality = registry.bind("modalities", name, {})()
    for other in STORED.keys() - {name}:
        with pytest.raises(DataError, match="must be"):
            modality.check(STORED[other])


@pytest.mark.parametrize("name", registry.names("modalities"))
def test_statistics_are_read_from_json_as_they_were(name: str) -> None:
    modality: Modality = registry.bind("modalities", name, {})()
    statistics = modality.statistics(STORED[name])
    again = json.loads(json.dumps(dataclasses.asdict(statistics)))
    assert modality.learned(again) == statistics


@pytest.mark.parametrize(("name", "shape"), ENCODERS)
class TestEncoders:
    def test_dim_is_known_before_the_first_call(self, name: str, shape: tuple[int, ...]) -> None:
        encoder = bound("encoders", name)(shape)
        assert encoder(inputs(name, 4, shape)).shape == (4, encoder.dim)

    def test_features_are_maps_of_each_input(self, name: str, shape: tuple[int, ...]) -> None:
        maps = bound("encoders", name)(shape).features(inputs(name, 4, shape))
        assert maps.ndim == (4 if modality_of(name) == "image" else 3) and len(maps) == 4

    def test_maps_have_the_places_that_stay_apart(self, name: str, shape: tuple[int, ...]) -> None:
        encoder = bound("encoders", name)(shape)
        assert (
            1
            <= encoder.pooled_positions
            <= math.prod(encoder.features(inputs(name, 4, shape)).shape[2:])
        )

    def test_the_state_dict_holds_all_state(self, name: str, shape: tuple[int, ...]) -> None:
        first, second = bound("encoders", name)(shape), bound("encoders", name)(shape)
        first(inputs(name, 4, shape))  # batch norm has seen something
        second.load_state_dict(first.state_dict(), strict=True)
        x = inputs(name, 4, shape, seed=1)
        assert torch.equal(first.eval()(x), second.eval()(x))

    def test_an_input_does_not_see_its_batch(self, name: str, shape: tuple[int, ...]) -> None:
        encoder = bound("encoders", name)(shape).eval()
        x = inputs(name, 4, shape)
        # Float32 sums of some hundred terms, in another order in another batch.
        assert torch.allclose(encoder(x)[:2], encoder(x[:2]), atol=1e-5)

    def test_every_weight_gets_a_gradient(self, name: str, shape: tuple[int, ...]) -> None:
        encoder = bound("encoders", name)(shape)
        encoder(inputs(name, 4, shape)).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


@pytest.mark.parametrize(("name", "shape"), [e for e in ENCODERS if modality_of(e[0]) != "image"])
def test_an_input_without_values_has_finite_features_and_gradients(
    name: str, shape: tuple[int, ...]
) -> None:
    encoder = bound("encoders", name)(shape)
    x = inputs(name, 3, shape)
    x[1] = 0  # no token, or nothing measured
    features = encoder(x)
    features.square().sum().backward()
    assert features.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in encoder.parameters())


@pytest.mark.parametrize(("name", "shape"), [e for e in ENCODERS if modality_of(e[0]) == "text"])
class TestEncodersOfTexts:
    def test_a_longer_pad_changes_no_feature(self, name: str, shape: tuple[int, ...]) -> None:
        encoder = bound("encoders", name)(shape).eval()
        x = inputs(name, 6, shape)[:, : shape[0] // 2]
        # Float32 sums of as many terms, and of zeros, in another order.
        assert torch.allclose(encoder(F.pad(x, (0, shape[0] // 2))), encoder(x), atol=1e-6)

    def test_other_words_have_other_features(self, name: str, shape: tuple[int, ...]) -> None:
        encoder = bound("encoders", name)(shape).eval()
        x = inputs(name, 2, shape)
        assert not torch.allclose(*encoder(x), atol=1e-6)


@pytest.mark.parametrize(("name", "shape"), [e for e in ENCODERS if modality_of(e[0]) == "series"])
class TestEncodersOfSeries:
    def test_a_longer_pad_changes_no_feature(self, name: str, shape: tuple[int, ...]) -> None:
        encoder = bound("encoders", name)(shape).eval()
        x = inputs(name, 6, shape)
        # Float32 sums of as many terms, and of zeros, in another order.
        assert torch.allclose(encoder(F.pad(x, (0, 9))), encoder(x), atol=1e-6)

    def test_it_sees_what_is_missing(self, name: str, shape: tuple[int, ...]) -> None:
        encoder = bound("encoders", name)(shape).eval()
        x = inputs(name, 1, shape)
        other = x.clone()
        other[:, shape[0] // 2, 0] = 1 - other[:, shape[0] // 2, 0]
        assert not torch.allclose(encoder(other), encoder(x), atol=1e-6)


@pytest.mark.parametrize("name", registry.names("heads"))
def test_a_head_maps_rows_to_rows_of_its_width(name: str) -> None:
    head = bound("heads", name)(11)
    try:
        width = output_width(head, name)
    except ConfigError:  # a head without weights
        width = 11
    assert head(random(4, 11)).shape == (4, width)


@pytest.mark.parametrize("name", registry.names("heads"))
def test_a_head_passes_gradients_to_the_encoder(name: str) -> None:
    features = random(4, 11).requires_grad_()
    bound("heads", name)(11)(features).pow(3).sum().backward()
    assert features.grad is not None and (features.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("name", registry.names("optimizers"))
class TestOptimizers:
    def test_a_step_moves_against_the_gradient(self, name: str) -> None:
        weight, bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
        step(bound("optimizers", name)([weight], [bias]), weight, bias, gradient=1.0)
        assert (weight < 1).all() and (bias < 1).all()

    def test_decay_shrinks_weights_and_spares_the_exempt(self, name: str) -> None:
        weight, bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
        step(bound("optimizers", name)([weight], [bias]), weight, bias, gradient=0.0)
        # One step at rate .5 with a decay of .1, to float32's rounding.
        assert options("optimizers", name)["weight_decay"] == 0.1
        assert torch.allclose(weight, torch.tensor(0.95), atol=1e-6)
        assert torch.equal(bias, torch.ones(2))

    def test_nothing_moves_before_the_loop_sets_a_rate(self, name: str) -> None:
        weight, bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
        step(bound("optimizers", name)([weight], [bias]), weight, bias, gradient=1.0, rate=None)
        assert torch.equal(weight, torch.ones(2, 2)) and torch.equal(bias, torch.ones(2))


def step(
    optimizer: torch.optim.Optimizer,
    *parameters: nn.Parameter,
    gradient: float,
    rate: float | None = 0.5,
) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] if rate is None else rate
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step()


@pytest.mark.parametrize("name", registry.names("objectives"))
class TestObjectives:
    def test_gives_a_finite_scalar_and_gradient(self, name: str) -> None:
        z = random(2, 6, 5).requires_grad_()
        loss = objective(name)(z, labels(6))
        loss.backward()
        assert loss.ndim == 0 and loss.isfinite()
        assert z.grad is not None and z.grad.isfinite().all()
        assert (z.grad.abs().sum(2) > 0).all()

    def test_has_a_file_of_tests(self, name: str) -> None:
        tests = (ROOT / f"tests/objectives/test_{name}.py").read_text()
        assert "def test_" in tests and f"import {name}" in tests

    def test_is_called_with_embeddings_and_labels(self, name: str) -> None:
        assert list(inspect.signature(registry.find("objectives", name)).parameters)[:2] == [
            "z",
            "labels",
        ]

    def test_is_blind_to_the_order_of_examples(self, name: str) -> None:
        z, order = random(2, 6, 5).double(), torch.tensor([3, 1, 5, 0, 2, 4])
        loss = objective(name)
        assert close(loss(z, labels(6)), loss(z[:, order], labels(6)[order]))

    def test_is_blind_to_the_order_of_views_or_opts_out(self, name: str) -> None:
        z, loss = random(2, 6, 5).double(), objective(name)
        blind = close(loss(z, labels(6)), loss(z.flip(0), labels(6)))
        assert blind != opts_out("objectives", name, "order of views")

    @pytest.mark.parametrize("views", [3, 4])
    def test_takes_many_views_in_any_order_if_it_declares_them(self, name: str, views: int) -> None:
        if not declared_objective(name).many_views:
            with pytest.raises(ConfigError, match=rf"methods\.siamese\.views is {views}.*'{name}'"):
                partial(bound("methods", "siamese", name), views=views)(nn.Identity(), HEAD)
            return
        z, loss = random(views, 6, 5).double().requires_grad_(), objective(name)
        value = loss(z, labels(6))
        assert torch.autograd.grad(value, z)[0].abs().sum(2).all(), "every view counts"
        for order in permutations(range(views)):
            assert close(loss(z[list(order)], labels(6)), value)

    @pytest.mark.parametrize("degenerate", DEGENERATE)
    @pytest.mark.parametrize("labelled", [True, False])
    def test_degenerate_embeddings_have_a_finite_loss_and_gradient(
        self, name: str, degenerate: str, labelled: bool
    ) -> None:
        z = DEGENERATE[degenerate](random(2, 6, 5)).requires_grad_()
        loss = objective(name)(z, labels(6) if labelled else None)
        assert loss.isfinite() and torch.autograd.grad(loss, z)[0].isfinite().all()

    def test_is_blind_to_rotation_or_opts_out(self, name: str) -> None:
        z = random(2, 6, 5).double()
        rotation = torch.linalg.qr(random(5, 5, seed=1).double()).Q
        loss = objective(name)
        blind = close(loss(z, labels(6)), loss(z @ rotation, labels(6)))
        assert blind != opts_out("objectives", name, "rotation")

    def test_tells_how_many_negatives_an_anchor_has(self, name: str) -> None:
        with tally.recording() as told:
            objective(name)(random(2, 6, 5), labels(6))
        negatives = declared_objective(name).negatives
        assert (negatives is None) == opts_out("objectives", name, "negatives")
        # Of six examples, two a class.
        expected = negatives(6, 2, options("objectives", name)) if negatives else 0
        assert told["negatives"] == expected

    def test_the_gradient_is_that_of_finite_differences(self, name: str) -> None:
        z = (3 * random(2, 6, 5)).double().requires_grad_()
        assert torch.autograd.gradcheck(lambda z: objective(name)(z, labels(6)), z)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_vast_numbers_in_half_precision_stay_finite(
        self, name: str, dtype: torch.dtype
    ) -> None:
        z = (1000 * random(2, 6, 5)).to(dtype).requires_grad_()
        loss = objective(name)(z, labels(6))
        loss.backward()
        assert loss.isfinite() and loss.dtype == torch.float32
        assert z.grad is not None and z.grad.dtype == dtype
        overflows = dtype == torch.float16 and opts_out("objectives", name, "float16 gradient")
        assert z.grad.isfinite().all() != overflows

    @pytest.mark.parametrize("classes", [1, 4])
    def test_a_batch_that_lacks_positives_or_negatives_keeps_its_graph(
        self, name: str, classes: int
    ) -> None:
        z = random(2, 4, 5).requires_grad_()
        loss = objective(name)(z, torch.arange(4) % classes)
        assert loss.isfinite() and loss.requires_grad
        assert torch.autograd.grad(loss, z)[0].isfinite().all()

    def test_takes_views_for_alike_and_classes_if_it_declares_them(self, name: str) -> None:
        loss, z = objective(name), random(2, 6, 5)
        told, blind = loss(z, labels(6)), loss(z, None)
        assert blind.isfinite() and "views" in declared_objective(name).positives
        assert torch.equal(told, blind) == ("classes" not in declared_objective(name).positives)

    def test_an_example_without_a_label_is_a_class_of_its_own(self, name: str) -> None:
        z, loss = random(2, 6, 5).double(), objective(name)
        some = torch.tensor([NO_LABEL, 0, NO_LABEL, 1, 0, NO_LABEL])
        apart = torch.tensor([5, 0, 6, 1, 0, 7])
        assert close(loss(z, some), loss(z, apart))
        assert close(loss(z, torch.full((6,), NO_LABEL)), loss(z, None))

    def test_takes_pairs_if_it_declares_them(self, name: str) -> None:
        z, values = random(2, 6, 5), torch.arange(6) % 2 == 0
        if "pairs" in declared_objective(name).positives:
            loss = objective(name)
            assert not torch.equal(loss(z, PairLabels(values)), loss(z, PairLabels(~values)))


@pytest.mark.parametrize("name", registry.names("methods"))
class TestMethods:
    def test_terms_are_finite_scalars(self, name: str) -> None:
        method = made(name)
        terms = method.terms(method.project(batch(method)))
        assert terms and all(t.ndim == 0 and t.isfinite() for t in terms.values())

    def test_does_without_labels_or_is_supervised_and_refuses(self, name: str) -> None:
        method = made(name)
        blind = method.project(replace(batch(method), labels=None))
        if method.supervised:
            with pytest.raises(DataError, match=rf"methods\.{name}.*labels"):
                method.terms(blind)
        else:
            assert method.terms(blind)

    def test_tells_how_many_negatives_an_anchor_has(self, name: str) -> None:
        method = made(name)
        with tally.recording() as told:
            method.terms(method.project(batch(method)))
        negatives = declared_method(name).negatives
        if declared_method(name).objective:
            assert negatives is None, "they are its objective's"
            negatives = declared_objective(OBJECTIVE).negatives
        assert (negatives is None) == opts_out("methods", name, "negatives")
        # Of six examples, two a class.
        expected = negatives(6, 2, options("methods", name)) if negatives else 0
        assert told["negatives"] == expected

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_vast_projections_in_half_precision_stay_finite(
        self, name: str, dtype: torch.dtype
    ) -> None:
        method = made(name)
        z = method.project(batch(method)).map(lambda x: (1000 * x).detach().to(dtype))
        leaf = z.z.requires_grad_()
        loss = torch.stack(list(method.terms(z).values())).sum()
        assert loss.isfinite() and loss.dtype == torch.float32
        overflows = dtype == torch.float16 and opts_out("methods", name, "float16 gradient")
        assert torch.autograd.grad(loss, leaf)[0].isfinite().all() != overflows

    def test_has_a_file_of_tests(self, name: str) -> None:
        """Its own, or one of several methods that only join an encoder, a head and an objective."""
        own = ROOT / f"tests/methods/test_{name}.py"
        shared = [path.read_text() for path in own.parent.glob("test_*.py")]
        shared = [text for text in shared if f"import {name}\n" in text]
        tests = own.read_text() if own.exists() else "\n".join(shared)
        assert "def test_" in tests and name in tests
        assert own.exists() or f"def test_{name}_" in tests

    def test_is_blind_to_the_order_of_examples(self, name: str) -> None:
        method, z = projected(name)
        order = torch.tensor([3, 1, 5, 0, 2, 4])
        other = z.map(lambda x: x[:, order])
        assert close(total(method, z), total(method, replace(other, labels=labels(6)[order])))

    def test_is_blind_to_the_order_of_views_or_opts_out(self, name: str) -> None:
        method, z = projected(name)
        other = z.map(lambda x: torch.cat([x[: method.views].flip(0), x[method.views :]]))
        blind = close(total(method, z), total(method, other))
        assert blind != opts_out("methods", name, "order of views")

    @pytest.mark.parametrize("degenerate", DEGENERATE)
    def test_degenerate_projections_have_a_finite_loss_and_gradient(
        self, name: str, degenerate: str
    ) -> None:
        method, z = projected(name)
        z = z.map(DEGENERATE[degenerate])
        leaf = z.z.requires_grad_()
        loss = total(method, z)
        assert loss.isfinite() and torch.autograd.grad(loss, leaf)[0].isfinite().all()

    def test_chance_is_the_loss_where_all_are_alike_or_opts_out(self, name: str) -> None:
        method, z = projected(name)
        alike = total(method, z.map(torch.ones_like)).item()
        same = math.isclose(alike, method.chance(6), rel_tol=0.01)
        assert same != opts_out("methods", name, "chance")

    def test_labels_count_where_it_is_supervised_and_only_there(self, name: str) -> None:
        method, z = projected(name)
        others = replace(z, labels=labels(6).sort().values)
        assert close(total(method, z), total(method, others)) != method.supervised

    def test_projections_keep_views_and_examples_apart(self, name: str) -> None:
        method = made(name)
        z = method.project(batch(method)).z
        small = 0 if method.small_crops is None else method.small_crops.count
        assert z.shape[:2] == (method.views + small, 6)

    def test_gradients_reach_every_weight_of_the_encoder(self, name: str) -> None:
        method = made(name)
        sum(method.terms(method.project(batch(method))).values()).backward()  # type: ignore[union-attr]
        for key, weight in method.encoder.named_parameters():
            assert weight.grad is not None and weight.grad.abs().sum() > 0, key

    def test_chunks_give_the_gradient_of_the_whole_batch(self, name: str) -> None:
        gradients = []
        for micro_batch in (6, 2):
            method = made(name, micro_batch, norm="group").double()
            total(method, method.project(batch(method, torch.float64))).backward()
            gradients.append([w.grad for w in method.parameters() if w.grad is not None])
        whole, chunked = gradients
        assert all(
            torch.allclose(w, c, rtol=0, atol=1e-12) for w, c in zip(whole, chunked, strict=True)
        )

    def test_chance_is_a_loss_for_every_batch_size(self, name: str) -> None:
        chances = [made(name).chance(n) for n in (2, 256, 4096)]
        assert all(math.isfinite(c) and c > 0 for c in chances)

    def test_the_encoder_outlives_the_method_unwrapped(self, name: str) -> None:
        encoder = bound("encoders", "convnet")((1, 12, 12))
        assert bound("methods", name)(encoder, nn.Linear(encoder.dim, 3)).encoder is encoder

    def test_every_option_is_explained_and_stands_beside_its_paper_s(self, name: str) -> None:
        page = (ROOT / "docs/methods.md").read_text()
        rows = [line for line in page.splitlines() if line.startswith(f"| {name} ")]
        explained = inspect.getdoc(registry.find("methods", name)) or ""
        for option in registry.options_model("methods", name).model_fields:
            assert f"`{option}`" in "".join(rows) or not rows
            assert re.search(rf"\b{option}\b", explained), option


def made(name: str, micro_batch: int = 6, norm: str = "batch") -> Method:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = bound("encoders", "convnet")((1, 12, 12), norm=norm)
        cached = GradientCache(encoder, micro_batch)
        method: Method = bound("methods", name)(cached, nn.Linear(encoder.dim, 3))
    return method


def projected(name: str) -> tuple[Method, Projections]:
    """A method, and what it makes of a batch, in float64 and without a graph."""
    method = made(name).double()
    return method, method.project(batch(method, torch.float64)).map(Tensor.detach)


def total(method: Method, z: Projections) -> Tensor:
    """The loss, with the same random numbers at each call, should a method draw some."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.stack(list(method.terms(z).values())).sum()


def batch(method: Method, dtype: torch.dtype = torch.float32) -> Batch:
    views, small = random(method.views, 6, 1, 12, 12).to(dtype), None
    if method.small_crops is not None:
        small = random(method.small_crops.count, 6, 1, *2 * [method.small_crops.side], seed=1).to(
            dtype
        )
    return Batch(views, labels(6), torch.arange(6), small)


def close(first: Tensor, second: Tensor) -> bool:
    """Equal but for the rounding of float64 sums."""
    return torch.allclose(first, second, rtol=1e-12)
