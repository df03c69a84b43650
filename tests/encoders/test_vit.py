"""The Vision Transformer: its equations beside loops, and what holds for any size."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import twinview.encoders.vit as module
from tests.support.plugins import random
from tests.support.used import save_models
from twinview.compute import devices
from twinview.compute.gradient_cache import GradientCache
from twinview.core.errors import ConfigError
from twinview.core.types import Statistics
from twinview.encoders.vit import ViT, vit
from twinview.models import encoder
from twinview.serving import export
from twinview.settings import defaults

OPTIONS = {"patch": 4, "width": 8, "depth": 2, "heads": 2}
SHAPE = (3, 8, 12)


def made(shape: tuple[int, ...] = SHAPE, **options: int) -> ViT:
    """A network in float64, whose biases and norms are not those of the start."""
    torch.manual_seed(0)
    network = vit(shape, **(OPTIONS | options)).double()
    assert isinstance(network, ViT)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return network


def pictures(n: int = 5, *shape: int) -> Tensor:
    return random(n, *(shape or SHAPE)).double()


def test_one_layer_is_that_of_the_paper() -> None:
    network, x = made(depth=1), pictures(1)
    weights = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    assert network.features(x).detach().numpy()[0] == pytest.approx(
        naive_maps(x[0].numpy(), weights, patch=4, width=8, heads=2), abs=1e-12
    )


def naive_maps(x: Any, weights: dict[str, Any], patch: int, width: int, heads: int) -> Any:
    """Equations 1 to 3 of the paper, without the class token, patch by patch and head by head."""
    layer = {
        name.removeprefix("layers.0."): of
        for name, of in weights.items()
        if name.startswith("layers.0.")
    }
    rows, columns = x.shape[1] // patch, x.shape[2] // patch
    tokens = []
    for row in range(rows):
        for column in range(columns):
            part = x[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
            place = naive_position(row, column, width)
            tokens.append(
                [
                    (weights["project.weight"][k] * part).sum()
                    + weights["project.bias"][k]
                    + place[k]
                    for k in range(width)
                ]
            )
    z: Any = np.array(tokens)
    z = z + naive_attention(normalise(z, layer, "norm1"), layer, heads)
    hidden = normalise(z, layer, "norm2") @ layer["linear1.weight"].T + layer["linear1.bias"]
    hidden = np.vectorize(lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2)(hidden)
    z = z + hidden @ layer["linear2.weight"].T + layer["linear2.bias"]
    return z.T.reshape(width, rows, columns)


def naive_position(row: int, column: int, width: int) -> list[float]:
    """MoCo v3's fixed sines and cosines: of the column, then of the row."""
    frequencies = [10000 ** (-4 * k / width) for k in range(width // 4)]
    return [
        function(place * frequency)
        for place in (column, row)
        for function in (math.sin, math.cos)
        for frequency in frequencies
    ]


def naive_attention(z: Any, layer: dict[str, Any], heads: int) -> Any:
    """Equations 5 to 8 of the paper's appendix A."""
    joint = z @ layer["self_attn.in_proj_weight"].T + layer["self_attn.in_proj_bias"]
    queries, keys, values = np.split(joint, 3, axis=1)
    size = z.shape[1] // heads
    mixed = np.zeros_like(z)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        for i in range(len(z)):
            votes = [math.exp(queries[i, part] @ key[part] / math.sqrt(size)) for key in keys]
            for vote, value in zip(votes, values, strict=True):
                mixed[i, part] += vote / sum(votes) * value[part]
    return mixed @ layer["self_attn.out_proj.weight"].T + layer["self_attn.out_proj.bias"]


def normalise(z: Any, layer: dict[str, Any], name: str) -> Any:
    centred = z - z.mean(1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-6)
    return scaled * layer[f"{name}.weight"] + layer[f"{name}.bias"]


def test_features_are_the_mean_over_patches() -> None:
    network, x = made(), pictures()
    assert torch.allclose(network(x), network.features(x).mean((2, 3)))
    assert network.features(x).shape == (5, 8, 2, 3)


def test_a_position_has_the_same_values_in_pictures_of_any_size() -> None:
    whole = module._positions(5, 7, 8)
    assert torch.equal(module._positions(2, 3, 8), whole[:, :2, :3])
    assert whole[:, 3, 4].tolist() == pytest.approx(naive_position(3, 4, 8), abs=1e-12)


def test_patches_of_other_places_have_other_positions() -> None:
    assert len(module._positions(5, 7, 8).flatten(1).T.unique(dim=0)) == 35


def test_pictures_of_other_sizes_need_no_other_weights() -> None:
    small, large = made((3, 8, 8)), made((3, 12, 20))
    small.load_state_dict(large.state_dict(), strict=True)
    x = pictures(5, 3, 16, 4)
    assert torch.equal(small(x), large(x))
    assert large.features(x).shape == (5, 8, 4, 1)


def test_without_positions_maps_move_with_the_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = made(), pictures()
    moved = x.roll((4, 8), (2, 3))  # by one row and two columns of patches
    # The layers see where a patch is by nothing but the positions.
    assert not torch.allclose(network(moved), network(x))
    monkeypatch.setattr(module, "_positions", lambda *size: torch.zeros(()))
    assert torch.allclose(network.features(moved), network.features(x).roll((1, 2), (2, 3)))
    assert torch.allclose(network(moved), network(x))


def test_each_patch_sees_every_other_one() -> None:
    network, x = made(depth=1), pictures(1).requires_grad_()
    (seen,) = torch.autograd.grad(network.features(x)[0, :, 0, 0].square().sum(), x)
    assert (seen.unfold(2, 4, 4).unfold(3, 4, 4).abs().amax((0, 1, 4, 5)) > 0).all()


def test_layers_start_with_weights_of_their_own_within_xavier_s_bounds() -> None:
    torch.manual_seed(0)
    network = vit((1, 8, 8), patch=2, width=64, depth=2, heads=2)
    first, second = (dict(layer.named_parameters()) for layer in network.layers)
    for name, weight in first.items():
        if weight.ndim == 2:
            assert not torch.equal(weight, second[name]), name
    queries, *others = first["self_attn.in_proj_weight"].chunk(3)
    bounds = [(queries, 64 + 64), *((of, 64 + 64) for of in others)]
    bounds += [(first["linear1.weight"], 64 + 256), (network.project.weight, 4 + 64)]
    for weight, fans in bounds:
        bound = math.sqrt(6 / fans)
        assert 0.9 * bound < weight.abs().max() <= bound * (1 + 1e-6)
    assert all((bias == 0).all() for name, bias in first.items() if name.endswith("bias"))


def test_the_first_weights_depend_on_the_seed_alone() -> None:
    def described(seed: int) -> encoder.Encoder:
        statistics = Statistics((0.25,) * 3, (0.5,) * 3)
        description = encoder.Description("vit", OPTIONS, "image", SHAPE, statistics)
        return encoder.build(description, seed)

    first = described(0).state_dict()
    torch.rand(3)
    assert all(map(torch.equal, first.values(), described(0).state_dict().values()))
    assert not torch.equal(
        first["network.project.weight"], described(1).state_dict()["network.project.weight"]
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 12, "heads": 5}, "width is 12; set it to a multiple of 20, for 5 heads"),
        ({"width": 6, "heads": 3}, "width is 6; set it to a multiple of 12, for 3 heads"),
    ],
)
def test_a_width_that_heads_and_positions_do_not_divide_is_refused(
    options: dict[str, int], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        vit(SHAPE, **(OPTIONS | options))
    settings = defaults.with_changes({})
    assert list(module._check(OPTIONS | options, settings)) == [f"encoders.vit: {said}"]
    assert not list(module._check(OPTIONS, settings))


def test_patches_that_do_not_divide_the_smaller_views_are_refused_before_any_work() -> None:
    (fault,) = module._check(OPTIONS | {"patch": 7}, defaults.with_changes({}))
    assert "encoders.vit.patch: is 7, which does not divide early views of 20x20" in fault
    whole = defaults.with_changes({"pretrain.early_view_scale": 1})
    assert not list(module._check(OPTIONS | {"patch": 7}, whole))


def test_pictures_that_are_no_whole_number_of_patches_are_refused() -> None:
    said = (
        r"encoders\.vit\.patch is 4, which does not divide pictures of 18 x 12; .* \(1, 2, 3, 6\)"
    )
    with pytest.raises(ConfigError, match=said):
        vit((1, 18, 12), **OPTIONS)
    network = made()
    with pytest.raises(ConfigError, match="pictures of 8 x 10"):  # of small crops, before any step
        network.features(pictures(2, 3, 8, 10))


def test_a_micro_batch_changes_no_gradient() -> None:
    views = pictures(14).unflatten(0, (2, 7))
    gradients = []
    for micro_batch in (7, 3):
        network = made()
        GradientCache(network, micro_batch)(views).pow(3).sum().backward()
        gradients.append([weight.grad for weight in network.parameters()])
    for whole, parts in zip(*gradients, strict=True):
        assert whole is not None and parts is not None
        assert torch.allclose(whole, parts, rtol=1e-9, atol=1e-9)


def test_bfloat16_gives_nearly_the_features_of_float32() -> None:
    network, x = made().float(), pictures().float()
    with devices.autocast(torch.device("cpu"), "bfloat16"):
        rounded = network(x)
    # Some products of values near 1, each rounded to 8 bits.
    assert 0 < (rounded - network(x)).abs().max() < 0.1


def test_equal_steps_give_equal_gradients_to_the_bit() -> None:
    x = pictures().float()
    gradients = []
    for _ in range(2):
        network = made().float()
        network(x).square().sum().backward()
        gradients.append([weight.grad for weight in network.parameters()])
    assert all(map(torch.equal, *gradients))


def test_features_do_not_depend_on_training_or_gradients() -> None:
    network, x = made(), pictures()
    training = network(x)
    with torch.inference_mode():  # here PyTorch takes another kernel
        assert torch.allclose(network.eval()(x), training, atol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", ["pt2", pytest.param("onnx", marks=pytest.mark.slow)])
def test_exports_answer_as_the_encoder_does(kind: str, tmp_path: Path) -> None:
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
    own = save_models(tmp_path / "models", "vit", (3, 12, 10))
    assert 0 <= getattr(export, kind)(tmp_path / "exported", own.embedder) < 1e-4
