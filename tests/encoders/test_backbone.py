"""Backbones of torchvision and timm: their features, their small pictures, their files."""

import copy
import re
import sys
from pathlib import Path
from typing import Any, final

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from twinview.compute.batch_norm import split
from twinview.compute.gradient_cache import GradientCache
from twinview.core import registry
from twinview.core.errors import ConfigError
from twinview.core.types import Split, Statistics
from twinview.encoders.backbone import Backbone, backbone
from twinview.learning import checkpoints
from twinview.learning.loop import Budget, State, continue_training
from twinview.methods.simclr import simclr
from twinview.models import encoder
from twinview.models.encoder import Description
from twinview.views.live import Views

# A small member of each family, and the side of a picture that it takes.
MEMBERS = {
    "alexnet": 64,
    "convnext_tiny": 32,
    "densenet121": 32,
    "efficientnet_b0": 32,
    "googlenet": 32,
    "inception_v3": 75,
    "maxvit_t": 224,
    "mnasnet0_5": 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "regnet_x_400mf": 32,
    "regnet_y_400mf": 32,
    "resnet18": 72,  # above the size of a small stem
    "resnext50_32x4d": 72,
    "shufflenet_v2_x0_5": 32,
    "squeezenet1_1": 32,
    "swin_t": 32,
    "swin_v2_t": 32,
    "vgg11_bn": 32,
    "vit_b_32": 64,
}
SAME_CLASS = {"wide": "a resnet"}


def made(model: str, *shape: int, library: str = "torchvision") -> Backbone:
    torch.manual_seed(0)
    own = backbone(shape, library=library, model=model, weights=None)  # type: ignore[arg-type]
    assert isinstance(own, Backbone) and own.training
    return own


def pictures(n: int, *shape: int) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def test_a_member_of_every_family_of_torchvision_is_under_these_laws() -> None:
    def families(names: list[str]) -> set[str]:
        return {re.match(r"[a-z]+", name)[0] for name in names}  # type: ignore[index]

    known = families(models.list_models(module=models))
    assert families(list(MEMBERS)) == known - SAME_CLASS.keys()


@pytest.mark.parametrize(("model", "side"), MEMBERS.items())
def test_features_are_what_torchvision_s_network_hands_its_classifier(
    model: str, side: int
) -> None:
    own, x = made(model, 3, side, side).eval(), pictures(2, 3, side, side)
    given, features = classified(model, x), own(x)
    given = given.mean((2, 3)) if given.ndim == 4 else given  # squeezenet pools after it
    # Other memory formats sum in another order; inception's features are large at first.
    assert (features - given).abs().max() < 1e-4 * given.abs().max()
    assert features.shape == (2, own.dim) and features.std() > 0
    maps = own.features(x)
    assert maps.ndim == (3 if model.startswith("vit") else 4) and maps.shape[0] == 2


@torch.no_grad()
def classified(model: str, x: Tensor) -> Tensor:
    """What the last layer with 1000 outputs gets in torchvision's own network."""
    extra = {"aux_logits": False, "init_weights": True}
    options = extra if model in ("googlenet", "inception_v3") else {}
    options = {"image_size": x.shape[2]} if model.startswith("vit") else options
    torch.manual_seed(0)
    network = models.get_model(model, weights=None, **options).eval()
    kept: list[Tensor] = []
    kinds = (nn.Linear, nn.Conv2d)
    last = [m for m in network.modules() if isinstance(m, kinds) and len(m.weight) == 1000][-1]
    last.register_forward_pre_hook(lambda module, given: kept.append(given[0]))
    assert network(x).shape[1] == 1000
    return kept[0]


# Of Fashion-MNIST's size, and with one channel.
@pytest.mark.parametrize(
    "model", ["efficientnet_b0", "mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5", "swin_t"]
)
def test_grey_pictures_of_28_px_train(model: str) -> None:
    own = made(model, 1, 28, 28)
    own(pictures(4, 1, 28, 28)).square().sum().backward()
    assert all(p.grad is not None for p in own.parameters())


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        ("vit_b_16", (1, 28, 28)),  # no multiple of its patch
        ("vit_b_32", (3, 32, 64)),  # not square
        ("alexnet", (3, 32, 32)),
        ("convnext_tiny", (1, 28, 28)),
        ("densenet121", (1, 28, 28)),
        ("inception_v3", (3, 64, 64)),
        ("maxvit_t", (3, 32, 32)),
    ],
)
def test_pictures_that_a_network_cannot_take_are_refused(
    model: str, shape: tuple[int, ...]
) -> None:
    size = " x ".join(map(str, shape))
    said = rf"backbone\.model is '{model}', which cannot take pictures of {size} \(.+\); choose"
    with pytest.raises(ConfigError, match=said):
        made(model, *shape)


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "maps"), [(28, 3, 1, 4), (64, 3, 1, 8), (65, 7, 2, 3)]
)
def test_resnets_start_small_pictures_without_halving_them(
    side: int, kernel: int, stride: int, maps: int
) -> None:
    own = made("resnet18", 3, side, side).eval()
    stem = own.network.conv1
    assert (stem.kernel_size, stem.stride) == ((kernel, kernel), (stride, stride))  # type: ignore[union-attr]
    assert isinstance(own.network.maxpool, nn.MaxPool2d) == (side > 64)
    assert own.features(pictures(1, 3, side, side)).shape == (1, 512, maps, maps)


def test_the_longer_side_says_whether_pictures_are_small() -> None:
    assert made("resnet18", 3, 32, 65).network.conv1.stride == (2, 2)  # type: ignore[union-attr]


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_get_a_convolution_of_their_own(channels: int) -> None:
    own, colour = made("resnet18", channels, 72, 72), made("resnet18", 3, 72, 72)
    weight = own.network.conv1.weight  # type: ignore[union-attr]
    assert weight.shape == (64, channels, 7, 7)
    # He's deviation, of 3136 numbers or more.
    assert weight.std().item() == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)
    rest = own.state_dict().keys() - {"network.conv1.weight"}
    assert all(torch.equal(own.state_dict()[n], colour.state_dict()[n]) for n in rest)


def test_a_convolution_with_a_bias_keeps_it() -> None:
    grey, colour = (made("squeezenet1_1", c, 32, 32).network.features[0] for c in (1, 3))  # type: ignore[index]
    assert grey.weight.shape == (64, 1, 3, 3) and torch.equal(grey.bias, colour.bias)


def test_an_unknown_name_is_named_with_the_nearest() -> None:
    said = r"encoders\.backbone\.model: torchvision has no 'resnet81'; did you mean 'resnet"
    with pytest.raises(ConfigError, match=said):
        made("resnet81", 3, 32, 32)


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "fcn_resnet50", "r3d_18"])
def test_networks_for_other_tasks_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"torchvision has no '{name}'"):
        made(name, 3, 32, 32)


def test_a_copy_s_maps_are_the_copy_s() -> None:
    own, x = made("shufflenet_v2_x0_5", 1, 32, 32).eval(), pictures(2, 1, 32, 32)
    slow = copy.deepcopy(own)
    before = slow.features(x)
    with torch.no_grad():
        for weight in own.parameters():
            weight.zero_()
    assert torch.equal(slow.features(x), before) and before.abs().sum() > 0
    assert not own.features(x).any()


def test_chunks_give_the_gradient_of_the_whole_batch() -> None:
    """Of a network without batch norm; its dropout is off."""
    views, gradients = pictures(6, 1, 32, 32).double().view(2, 3, 1, 32, 32), []
    for micro_batch in (3, 1):
        own = made("squeezenet1_1", 1, 32, 32).double().eval()
        GradientCache(own, micro_batch)(views).square().sum().backward()
        gradients.append([p.grad for p in own.parameters()])
    for whole, chunked in zip(*gradients, strict=True):
        assert torch.allclose(whole, chunked, rtol=1e-9)


# Batch norm's running statistics; dropout's random numbers.
@pytest.mark.parametrize("model", ["shufflenet_v2_x0_5", "squeezenet1_1"])
def test_a_training_goes_on_from_a_checkpoint_to_the_same_bits(model: str, folder: Path) -> None:
    through, before, after = training(model), training(model), training(model)
    go(through, 4)
    go(before, 2)
    with checkpoints.open_for({"one": model}) as kept:
        kept.save(2, before.state_dict(), doubtful=False)
        saved = kept.load()
    assert saved is not None
    after.load_state_dict(saved)
    assert after.number == 2
    go(after, 4)
    first, second = through.method.state_dict().values(), after.method.state_dict().values()
    assert all(map(torch.equal, first, second))


def training(model: str) -> State:
    own = made(model, 1, 32, 32)
    method = simclr(GradientCache(own, 1), nn.Linear(own.dim, 3), temperature=0.5, views=2)
    adamw = registry.bind("optimizers", "adamw", {"weight_decay": 0.1})
    return State.initial(method, adamw, torch.device("cpu"))


def go(state: State, until: int) -> None:
    rows = torch.arange(4)
    budget = Budget(2, 2, 0.01, warmup_epochs=0, seed=0, precision="float32")
    for step in continue_training(state, Split(rows, None, rows), Pictures(), budget):
        if step.number == until:
            return


@final
class Pictures(Views):
    """Two views of each row, the same in every epoch."""

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        return pictures(4 * count, 1, 32, 32).unflatten(0, (count, 4))[:, rows]


@pytest.mark.parametrize("model", ["mnasnet0_5", "resnet18", "squeezenet1_1"])
def test_files_hold_all_of_it(model: str, tmp_path: Path) -> None:
    own = described("torchvision", model)
    own(stored(4))  # batch norm has seen something
    encoder.save(tmp_path / "encoder", own)
    loaded = encoder.load(tmp_path / "encoder")
    assert torch.equal(loaded(stored(4)), own.eval()(stored(4)))


def described(library: str, model: str) -> encoder.Encoder:
    options: dict[str, Any] = {"library": library, "model": model, "weights": None}
    statistics = Statistics((0.25,), (0.5,))
    return encoder.build(Description("backbone", options, "image", (1, 32, 32), statistics), 0)


def stored(n: int) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 1, 32, 32), generator=random, dtype=torch.uint8)


def test_the_first_weights_depend_on_the_seed_alone() -> None:
    first, again = (described("torchvision", "shufflenet_v2_x0_5") for _ in range(2))
    assert all(map(torch.equal, first.state_dict().values(), again.state_dict().values()))


def test_without_timm_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    said = r"encoders\.backbone\.library: is 'timm', .* pip install 'twinview\[timm\]'"
    with pytest.raises(ConfigError, match=said):
        made("resnet18", 3, 32, 32, library="timm")


def test_another_library_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"encoders\.backbone\.library"):
        registry.bind(
            "encoders", "backbone", {"library": "keras", "model": "resnet18", "weights": None}
        )


@pytest.mark.slow
class TestTimm:
    """With the extra `timm`, which `make test-slow` installs; without it these are skipped."""

    @pytest.fixture(autouse=True)
    def _needed(self) -> None:
        pytest.importorskip("timm")

    @pytest.mark.parametrize(
        ("model", "dimensions", "maps"),
        [
            ("resnet18", 512, (512, 4, 4)),
            ("mobilenetv3_small_050", 1024, (288, 1, 1)),
            ("convnext_atto", 320, (320, 1, 1)),
            ("vit_tiny_patch16_224", 192, (5, 192)),
        ],
    )
    def test_features_and_maps(self, model: str, dimensions: int, maps: tuple[int, ...]) -> None:
        own, x = made(model, 1, 32, 32, library="timm"), pictures(2, 1, 32, 32)
        assert own(x).shape == (2, own.dim) == (2, dimensions)
        assert own.features(x).shape == (2, *maps)

    def test_resnets_start_small_pictures_like_torchvision_s(self) -> None:
        own = made("resnet18", 1, 32, 32, library="timm")
        stem = own.network.conv1
        assert (stem.kernel_size, stem.stride) == ((3, 3), (1, 1))  # type: ignore[union-attr]
        assert made("resnet18", 1, 65, 65, library="timm").network.conv1.stride == (2, 2)  # type: ignore[union-attr]

    def test_a_deep_stem_starts_small_too(self) -> None:
        own = made("resnet18d", 1, 32, 32, library="timm")
        assert own.features(pictures(1, 1, 32, 32)).shape[2:] == (4, 4)

    def test_an_unknown_name_is_named(self) -> None:
        with pytest.raises(ConfigError, match=r"encoders\.backbone\.model: timm has no 'resnet81'"):
            made("resnet81", 3, 32, 32, library="timm")

    def test_pictures_that_a_network_cannot_take_are_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"'inception_v3', which cannot take .* 1 x 28 x 28"):
            made("inception_v3", 1, 28, 28, library="timm")

    def test_a_batch_norm_that_does_more_than_torch_s_is_not_replaced(self) -> None:
        own = made("mobilenetv3_small_050", 1, 32, 32, library="timm")
        with pytest.raises(ConfigError, match="has a BatchNormAct2d, which can neither be shared"):
            split(own, 2)

    def test_files_hold_all_of_it(self, tmp_path: Path) -> None:
        own = described("timm", "mobilenetv3_small_050")
        own(stored(4))
        encoder.save(tmp_path / "encoder", own)
        assert torch.equal(encoder.load(tmp_path / "encoder")(stored(4)), own.eval()(stored(4)))
