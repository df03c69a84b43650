"""Laws that every augmentation obeys, but for those that it declares it opts out of."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.plugins import options
from twinview.core import declare, registry
from twinview.core.errors import ConfigError
from twinview.core.randomness import Draws
from twinview.texts.sequences import compact
from twinview.texts.tokens import MASK, NONE

NAMES = registry.names("augmentations")
OPTIONS = {name: options("augmentations", name) for name in NAMES}
DECLARED = {name: registry.declaration("augmentations", name) for name in NAMES}


def of_modality(modality: str) -> list[str]:
    """The augmentations of a modality."""
    declared = {n: of for n, of in DECLARED.items() if isinstance(of, declare.Augmentation)}
    return [name for name, of in declared.items() if of.modality == modality]


OF_PICTURES, OF_TEXTS = of_modality("image"), of_modality("text")
OF_SERIES = of_modality("series")
# An odd number of pixels, so that no batch fills whole vector registers.
SHAPES = [(1, 13, 17), (3, 17, 13)]
LENGTH = 13  # of texts
NAN = float("nan")
CASES = [(name, shape) for name in OF_PICTURES for shape in SHAPES]
CASES += [(name, (LENGTH,)) for name in OF_TEXTS]
OF_RECORDING = (5, 37)  # channels and steps of series
CASES += [(name, OF_RECORDING) for name in OF_SERIES]
DRAWS_NOTHING = [name for name in NAMES if "draws" in DECLARED[name].opts_out]
RANDOM = [name for name in NAMES if name not in DRAWS_NOTHING]
# An option that is true or false has no range.
CHOICES = [(n, key) for n in NAMES for key, of in OPTIONS[n].items() if not isinstance(of, bool)]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(n: int, shape: tuple[int, ...]) -> Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(0))


def texts(n: int) -> Tensor:
    """Texts of all lengths from 1 on: (n, 13) int32."""
    numbers = torch.arange(n * LENGTH).view(n, LENGTH) % 97 + 3
    return numbers.masked_fill(torch.arange(LENGTH) > torch.arange(n)[:, None] % LENGTH, 0).int()


def series(n: int) -> Tensor:
    """Series of five channels, some of which end early; the third channel lacks its first steps."""
    x = pictures(n, OF_RECORDING)
    x[1::3, :, 30:] = NAN
    x[:, 2, :4] = NAN
    return x


def same(x: Tensor, y: Tensor) -> bool:
    """Whether both have the same values, and miss the same ones."""
    return torch.equal(x.isnan(), y.isnan()) and torch.equal(x.nan_to_num(), y.nan_to_num())


def examples(n: int, shape: tuple[int, ...]) -> Tensor:
    if shape == OF_RECORDING:
        return series(n)
    return texts(n) if shape == (LENGTH,) else pictures(n, shape)


def view(name: str, x: Tensor, ids: Tensor, number: int = 0, place: int = 0) -> Tensor:
    augment: Callable[..., Tensor] = registry.bind("augmentations", name, OPTIONS[name])
    return augment(x, Draws.for_examples(0, ids, torch.full_like(ids, number), place))


def alike(name: str, n: int) -> tuple[Tensor, Tensor]:
    """n copies of one example, and one id for each."""
    if name in OF_TEXTS:
        return texts(LENGTH)[-1:].repeat(n, 1), torch.arange(n)
    if name in OF_SERIES:
        return series(1).repeat(n, 1, 1), torch.arange(n)
    return pictures(1, (3, 17, 13)).repeat(n, 1, 1, 1), torch.arange(n)


@pytest.mark.parametrize("name", NAMES)
def test_laws_that_it_opts_out_of_exist(name: str) -> None:
    known = {"draws", *(f"range of {option}" for option in OPTIONS[name])}
    assert set(DECLARED[name].opts_out) <= known


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OF_PICTURES)
def test_keeps_shape_type_and_range(name: str, shape: tuple[int, ...]) -> None:
    x = pictures(50, shape)
    # Saturated pictures too: there rounding leaves [0, 1] first.
    x = torch.cat([x, x.round(), torch.ones_like(x), torch.zeros_like(x)])
    y = view(name, x, torch.arange(len(x)))
    assert y.shape == x.shape and y.dtype == torch.float32
    assert y.min() >= 0 and y.max() <= 1


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_does_not_change_its_input(name: str, shape: tuple[int, ...]) -> None:
    x = examples(5, shape)
    before = x.clone()
    view(name, x, torch.arange(5))
    assert same(x, before)


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_a_view_is_bit_identical_in_any_batch(name: str, shape: tuple[int, ...], size: int) -> None:
    x, ids = examples(300, shape), torch.arange(300)
    some = [slice(first, first + size) for first in range(0, 98, size)]
    parts = [view(name, x[rows], ids[rows]) for rows in some]
    assert same(torch.cat(parts), view(name, x, ids)[:98])


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_a_view_is_bit_identical_in_any_order(name: str, shape: tuple[int, ...]) -> None:
    x, ids = examples(300, shape), torch.arange(300)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(1))
    assert same(view(name, x[order], ids[order]), view(name, x, ids)[order])


# Both exceed 2^15 elements, from which on torch shares work out; the second has one picture only,
# so that sums over it would be cut in two.
@pytest.mark.parametrize(("n", "shape"), [(300, (3, 17, 13)), (1, (3, 211, 223))])
@pytest.mark.parametrize("name", OF_PICTURES)
def test_a_view_is_bit_identical_on_any_threads(name: str, n: int, shape: tuple[int, ...]) -> None:
    x, ids = examples(n, shape), torch.arange(n)
    alone = view(name, x, ids)
    torch.set_num_threads(2)
    assert torch.equal(view(name, x, ids), alone)


@pytest.mark.parametrize("name", RANDOM)
def test_examples_views_and_places_have_draws_of_their_own(name: str) -> None:
    x, ids = alike(name, 20)
    first = view(name, x, ids)
    assert not same(first, first[:1].expand_as(first))
    assert not same(first, view(name, x, ids, number=1))
    assert not same(first, view(name, x, ids, place=1))


@pytest.mark.parametrize("name", DRAWS_NOTHING)
def test_what_draws_nothing_is_the_same_for_all(name: str) -> None:
    x, ids = alike(name, 20)
    assert torch.equal(view(name, x, ids), view(name, x[:1], ids[:1], number=1).expand_as(x))


@pytest.mark.parametrize("name", OF_PICTURES)
def test_what_needs_colour_leaves_one_channel_alone_and_nothing_else_does(name: str) -> None:
    x, declared = pictures(50, (1, 13, 17)), DECLARED[name]
    assert isinstance(declared, declare.Augmentation)
    assert torch.equal(view(name, x, torch.arange(50)), x) == declared.needs_colour


@pytest.mark.parametrize("name", OF_TEXTS)
class TestTexts:
    def test_a_view_keeps_shape_and_type_and_has_its_tokens_in_front(self, name: str) -> None:
        x = texts(100)
        y = view(name, x, torch.arange(100))
        assert y.shape == x.shape and y.dtype == x.dtype
        assert torch.equal(compact(y), y)

    def test_no_view_is_empty_unless_its_text_is(self, name: str) -> None:
        x = texts(100)
        x[::10] = 0
        y = view(name, x, torch.arange(100))
        assert torch.equal((y != 0).any(1), (x != 0).any(1))

    def test_a_view_has_words_of_its_text_alone(self, name: str) -> None:
        x = texts(100)
        for text, seen in zip(x, view(name, x, torch.arange(100)), strict=True):
            assert set(seen.tolist()) <= {*text.tolist(), NONE, MASK}


@pytest.mark.parametrize("name", OF_SERIES)
class TestSeries:
    def test_a_view_keeps_shape_and_type(self, name: str) -> None:
        x = series(50)
        y = view(name, x, torch.arange(50))
        assert y.shape == x.shape and y.dtype == torch.float32 and not y.isinf().any()

    def test_no_view_is_without_any_value(self, name: str) -> None:
        x = series(200)
        assert (~view(name, x, torch.arange(200)).isnan()).any(2).any(1).all()

    def test_a_series_without_values_stays_so(self, name: str) -> None:
        x = torch.full((4, *OF_RECORDING), NAN)
        assert view(name, x, torch.arange(4)).isnan().all()

    def test_a_view_is_bit_identical_on_any_threads(self, name: str) -> None:
        x, ids = pictures(2, (3, 40_001)), torch.arange(2)
        alone = view(name, x, ids)
        torch.set_num_threads(2)
        assert same(view(name, x, ids), alone)


@pytest.mark.parametrize(("name", "option"), CHOICES)
def test_options_out_of_range_are_rejected(name: str, option: str) -> None:
    schema = registry.options_model("augmentations", name).model_json_schema()
    limits = schema["properties"][option]
    pair = "prefixItems" in limits
    ends = beyond(limits["prefixItems"][0] if pair else limits)
    open_ended = f"range of {option}" in DECLARED[name].opts_out
    assert len(ends) == 2 - open_ended, f"{limits} is no full range"
    for bad in ends:
        value = [bad, 1e9] if pair else bad
        with pytest.raises(ConfigError, match=rf"augmentations\.{name}\.{option}"):
            registry.bind("augmentations", name, OPTIONS[name] | {option: value})


@pytest.mark.parametrize(
    ("name", "option"), [c for c in CHOICES if isinstance(OPTIONS[c[0]][c[1]], list)]
)
def test_pairs_in_the_wrong_order_are_rejected(name: str, option: str) -> None:
    given = OPTIONS[name] | {option: [0.9, 0.2]}
    with pytest.raises(ConfigError, match=r"low end 0\.9 is above the high end 0\.2"):
        registry.bind("augmentations", name, given)


def beyond(limits: dict[str, Any]) -> list[float]:
    """A value below and one above the range that a JSON schema states."""
    low = [limits["minimum"] - 1e-6] if "minimum" in limits else []
    low += [limits["exclusiveMinimum"]] if "exclusiveMinimum" in limits else []
    high = [limits["maximum"] + 1e-6] if "maximum" in limits else []
    high += [limits["exclusiveMaximum"]] if "exclusiveMaximum" in limits else []
    return low + high
