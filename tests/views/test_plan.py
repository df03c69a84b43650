"""Views are functions of seed, example id and view number, and of nothing else."""

import json

import pytest
import torch
from torch import Tensor

from tests.support.shapes import shapes_split
from twinview.core.randomness import Draws
from twinview.modalities.image import image
from twinview.settings.sections import SmallCrops
from twinview.views import plan as views
from twinview.views.live import LiveViews
from twinview.views.plan import Renderer, ViewPlan

OPTIONS = {
    "random_resized_crop": {"probability": 1.0, "scale": [0.3, 1.0], "ratio": [0.75, 1.3333]},
    "horizontal_flip": {"probability": 0.5},
    "brightness": {"probability": 0.8, "strength": 0.4},
    "noise": {"probability": 0.5, "strength": [0.05, 0.1]},
}
CHAIN = list(OPTIONS)
SPLIT = shapes_split(40, seed=0)


def renderer(seed: int = 0, chain: list[str] = CHAIN, **probabilities: float) -> Renderer:
    options = {
        name: own | {"probability": probabilities.get(name, own["probability"])}
        for name, own in OPTIONS.items()
    }
    return ViewPlan.from_options(seed, chain, options).renderer(image())


def view(render: Renderer, number: int, rows: Tensor | None = None) -> Tensor:
    part = SPLIT if rows is None else SPLIT.take(rows)
    return render(part.inputs, part.ids, torch.full_like(part.ids, number))


def test_views_are_stored_like_their_inputs() -> None:
    seen = view(renderer(), 0)
    assert seen.dtype == torch.uint8 and seen.shape == SPLIT.inputs.shape


def test_rendering_leaves_the_inputs_as_they_are() -> None:
    before = SPLIT.inputs.clone()
    view(renderer(), 0)
    assert torch.equal(SPLIT.inputs, before)


def test_a_view_is_the_same_alone_and_in_any_order() -> None:
    render = renderer()
    whole = view(render, 3)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    assert torch.equal(view(render, 3, order), whole[order])
    alone = [view(render, 3, torch.tensor([row])) for row in range(40)]
    assert torch.equal(torch.cat(alone), whole)


@pytest.mark.parametrize("values", [1, 5000, 10**9])
def test_a_view_does_not_depend_on_how_many_are_rendered_at_once(
    values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = view(renderer(), 3)
    monkeypatch.setattr(views, "_VALUES", values)
    assert torch.equal(view(renderer(), 3), whole)


def test_no_examples_give_no_views() -> None:
    assert view(renderer(), 0, torch.arange(0)).shape == (0, *SPLIT.inputs.shape[1:])


def test_an_empty_chain_leaves_all_alone() -> None:
    assert torch.equal(view(renderer(chain=[]), 0), SPLIT.inputs)


def test_a_chain_draws_what_its_places_draw() -> None:
    ids, numbers = torch.arange(40), torch.full((40,), 3)
    rows = torch.tensor([7, 2])
    for place, link in enumerate(Draws.chain(5, ids, numbers, 3)):
        alone = Draws.for_examples(5, ids, numbers, place)
        assert torch.equal(link.keys, alone.keys)
        assert torch.equal(link.uniform(), alone.uniform())
        for shape in ((2,), (4,), (3,)):  # drawn ahead, partly so, and not
            assert torch.equal(link.select(rows).normal(2), alone.select(rows).normal(2))
            assert torch.equal(
                link.uniform(*shape, low=-1, high=2), alone.uniform(*shape, low=-1, high=2)
            )


@pytest.mark.parametrize("other", [(1, 0), (0, 1)])
def test_seed_and_number_give_other_views_to_nearly_all(other: tuple[int, int]) -> None:
    seed, number = other
    differs = view(renderer(), 0) != view(renderer(seed), number)
    assert differs.flatten(1).any(1).sum() >= 39


def test_the_same_picture_under_another_id_is_seen_otherwise() -> None:
    render, rows = renderer(), torch.zeros(2, dtype=torch.int64)
    inputs = SPLIT.inputs[rows]
    seen = render(inputs, torch.tensor([5, 6]), rows)
    assert not torch.equal(seen[0], seen[1])


def test_probability_zero_leaves_all_alone() -> None:
    never = renderer(chain=["horizontal_flip", "noise"], horizontal_flip=0.0, noise=0.0)
    assert torch.equal(view(never, 0), SPLIT.inputs)


def test_probability_one_changes_all() -> None:
    always = renderer(chain=["horizontal_flip"], horizontal_flip=1.0)
    assert torch.equal(view(always, 0), SPLIT.inputs.flip(-1))


def test_a_probability_is_the_share_of_examples_that_are_changed() -> None:
    render = renderer(chain=["horizontal_flip"], horizontal_flip=0.3)
    inputs = SPLIT.inputs[:1].expand(4000, -1, -1, -1)
    seen = render(inputs, torch.arange(4000), torch.zeros(4000, dtype=torch.int64))
    flipped = (seen == SPLIT.inputs[:1].flip(-1)).flatten(1).all(1).double().mean()
    assert abs(flipped - 0.3) < 5 * (0.3 * 0.7 / 4000) ** 0.5  # five standard errors


def test_an_augmentation_draws_apart_from_who_gets_it() -> None:
    """Else brightness would be strong only where it is likely: rare draws would be dark ones."""
    always, half = renderer(chain=["noise"], noise=1.0), renderer(chain=["noise"], noise=0.5)
    full, some = view(always, 0), view(half, 0)
    changed = (some != SPLIT.inputs).flatten(1).any(1)
    assert 5 < changed.sum() < 35 and torch.equal(some[changed], full[changed])


def test_the_place_in_the_chain_gives_draws_of_its_own() -> None:
    first = renderer(chain=["horizontal_flip"], horizontal_flip=0.5)
    second = renderer(chain=["brightness", "horizontal_flip"], brightness=0.0, horizontal_flip=0.5)
    assert not torch.equal(view(first, 0), view(second, 0))


def test_the_chain_is_applied_in_its_order() -> None:
    one = renderer(chain=["brightness", "noise"], brightness=1.0, noise=1.0)
    other = renderer(chain=["noise", "brightness"], brightness=1.0, noise=1.0)
    assert not torch.equal(view(one, 0), view(other, 0))


def test_a_plan_is_the_same_after_json() -> None:
    plan = ViewPlan.from_options(7, CHAIN, OPTIONS)
    again = ViewPlan.from_json(json.loads(json.dumps(plan.as_json())))
    assert again.as_json() == plan.as_json() and again.seed == 7
    assert torch.equal(view(again.renderer(image()), 2), view(plan.renderer(image()), 2))


def test_a_plan_takes_the_probability_out_of_the_options() -> None:
    options = {"hue": {"probability": 0.25, "strength": 0.1}}
    assert ViewPlan.from_options(0, ["hue"], options).chain == (("hue", 0.25, {"strength": 0.1}),)
    assert options == {"hue": {"probability": 0.25, "strength": 0.1}}


@pytest.mark.parametrize(("epoch", "count"), [(0, 2), (3, 2), (4, 1)])
def test_live_views_count_on_through_the_epochs(epoch: int, count: int) -> None:
    render, rows = renderer(), torch.tensor([4, 0, 9])
    taken = LiveViews(render, SPLIT).take(rows, epoch, count)
    expected = [view(render, epoch * count + v, rows) for v in range(count)]
    assert torch.equal(taken, torch.stack(expected))


def small(
    size: int = 5, scale: tuple[float, float] = (0.1, 0.3), *chain: str, seed: int = 0
) -> Renderer:
    plan = ViewPlan.from_options(seed, chain or CHAIN, OPTIONS)
    return plan.small_renderer(image(), SmallCrops(count=1, side=size, scale=scale))


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [((12, 12), 5, (5, 5)), ((12, 18), 6, (6, 9)), ((17, 13), 13, (17, 13))],
)
def test_small_crops_are_small_and_keep_proportions(
    shape: tuple[int, int], size: int, expected: tuple[int, int]
) -> None:
    inputs = torch.zeros(3, 1, *shape, dtype=torch.uint8)
    seen = small(size)(inputs, torch.arange(3), torch.zeros(3, dtype=torch.int64))
    assert seen.dtype == torch.uint8 and seen.shape == (3, 1, *expected)


def test_a_small_crop_does_not_depend_on_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = view(small(), 3)
    alone = [view(small(), 3, torch.tensor([row])) for row in range(40)]
    assert torch.equal(torch.cat(alone), whole)
    monkeypatch.setattr(views, "_VALUES", 300)
    assert torch.equal(view(small(), 3), whole)


@pytest.mark.parametrize("other", [(1, 0), (0, 1)])
def test_seed_and_number_give_other_small_crops(other: tuple[int, int]) -> None:
    seed, number = other
    differs = view(small(), 0) != view(small(seed=seed), number)
    assert differs.flatten(1).any(1).sum() >= 39


def test_small_crops_draw_apart_from_the_views_of_their_number() -> None:
    whole = small(12, (1.0, 1.0), "horizontal_flip", "random_resized_crop")
    full = renderer(chain=["horizontal_flip"], horizontal_flip=0.5)
    flips = [(view(r, 0) != SPLIT.inputs).flatten(1).any(1) for r in (full, whole)]
    assert 8 < (flips[0] != flips[1]).sum() < 32  # of 40, half


def test_small_crops_see_windows_of_their_own_scale() -> None:
    """On a ramp, the range of what is seen is the window's width."""
    ramp = torch.arange(0, 240, 4, dtype=torch.uint8).expand(500, 1, 60, 60)
    render = small(20, (0.1, 0.3), "random_resized_crop")
    seen = render(ramp, torch.arange(500), torch.zeros(500, dtype=torch.int64)).float()
    # Twenty middles of pixels span nineteen twentieths; a pixel is 4 brighter than the last.
    width = (seen.amax((1, 2, 3)) - seen.amin((1, 2, 3))) / (4 * 60) * 20 / 19
    assert width.min() > (0.1 * 0.75) ** 0.5 - 0.02 and width.max() < (0.3 * 1.3333) ** 0.5 + 0.02
    assert width.min() < 0.32 and width.max() > 0.55


def test_small_crops_are_cropped_whatever_the_chains_probability() -> None:
    options = OPTIONS | {
        "random_resized_crop": OPTIONS["random_resized_crop"] | {"probability": 0.1}
    }
    plan = ViewPlan.from_options(0, CHAIN, options)
    crops = SmallCrops(count=1, side=5, scale=(0.1, 0.3))
    assert torch.equal(view(plan.small_renderer(image(), crops), 0), view(small(), 0))
