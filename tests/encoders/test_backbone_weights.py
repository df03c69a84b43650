"""Backbones that start from weights: what fits, what is said of what does not, what is kept."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from twinview.core import registry
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Split, Statistics
from twinview.data.splits import Prepared
from twinview.models import encoder

MODEL = "shufflenet_v2_x0_5"
OF_DATA = Statistics((0.25,) * 3, (0.5,) * 3)
IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def network(model: str = MODEL) -> nn.Module:
    """torchvision's own, with its classifier, other weights than ours and some batches seen."""
    torch.manual_seed(7)
    made: nn.Module = models.get_model(model, weights=None)
    with torch.no_grad():
        made(torch.randn(4, 3, 64, 64))
    return made


def pictures(channels: int = 3, side: int = 72) -> Tensor:
    return torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(0))


def started(file: str | Path, channels: int = 3, side: int = 72, model: str = MODEL) -> nn.Module:
    torch.manual_seed(0)
    options = {"library": "torchvision", "model": model, "weights": str(file)}
    made: nn.Module = registry.bind("encoders", "backbone", options)((channels, side, side))
    return made.eval()


def without_classifier(made: nn.Module) -> nn.Module:
    made.fc = nn.Identity()
    return made.eval()


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Writes a state dict after a change."""

    def save(change: Callable[[dict[str, Tensor]], Any] = lambda state: None, name: str = "a.pth",
             model: str = MODEL) -> Path:  # fmt: skip
        state = dict(network(model).state_dict())
        changed = change(state)
        file = tmp_path / name
        value = state if changed is None else changed
        (save_file if name.endswith(".safetensors") else torch.save)(value, file)
        return file

    return save


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.safetensors"])
def test_a_file_s_network_gives_what_it_gave_to_its_classifier(
    name: str, saved: Callable[..., Path]
) -> None:
    x = pictures()
    expected = without_classifier(network())(x)
    assert torch.allclose(started(saved(name=name))(x), expected, atol=1e-5)


def test_the_classifier_may_be_absent(saved: Callable[..., Path]) -> None:
    def drop(state: dict[str, Tensor]) -> None:
        del state["fc.weight"], state["fc.bias"]

    whole, rest = started(saved()), started(saved(drop, "b.pth"))
    assert all(map(torch.equal, whole.state_dict().values(), rest.state_dict().values()))


def test_old_files_have_no_counts_of_batches(saved: Callable[..., Path]) -> None:
    def drop(state: dict[str, Tensor]) -> None:
        for name in [name for name in state if name.endswith("num_batches_tracked")]:
            del state[name]

    x = pictures()
    assert torch.equal(started(saved(drop))(x), started(saved(name="b.pth"))(x))


def test_grey_pictures_get_the_features_of_the_same_picture_in_three_equal_channels(
    saved: Callable[..., Path],
) -> None:
    file, grey = saved(), pictures(1)
    colour = started(file)(grey.expand(-1, 3, -1, -1))
    # Sums of three products, in another order.
    assert torch.allclose(started(file, channels=1)(grey), colour, rtol=1e-4, atol=1e-5)


def _half(state: dict[str, Tensor]) -> None:
    state["conv1.0.weight"] = state["conv1.0.weight"][:12]


def _renamed(state: dict[str, Tensor]) -> None:
    state["stem.0.weight"] = state.pop("conv1.0.weight")


def _wrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{name}": tensor for name, tensor in state.items()}


def _infinite(state: dict[str, Tensor]) -> None:
    state["conv5.1.weight"][3] = torch.nan


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_half, r"pictures of 3 x 72 x 72: conv1\.0\.weight is \(12, 3, 3, 3\), not \(24, 3, 3, 3\)"
                r" \(1 name differs\); set model to"),
        (_renamed, r"conv1\.0\.weight is absent, not \(24, .*, stem\.0\.weight is \(24, 3, 3, 3\), "
                   r"not absent \(2 names differ\)"),
        (_wrapped, r"; take 'module\.' off the beginning of every name in the file"),
        (_infinite, r"conv5\.1\.weight has numbers that are not finite"),
    ],
    ids=["shape", "name", "prefix", "nan"],
)  # fmt: skip
def test_what_differs_is_named(
    change: Callable[[dict[str, Tensor]], Any], said: str, saved: Callable[..., Path]
) -> None:
    with pytest.raises(ConfigError, match=rf"backbone\.weights is '.*a\.pth', .*{said}"):
        started(saved(change))


def test_another_model_s_weights_are_refused(saved: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match=r"does not fit 'shufflenet_v2_x0_5'.* names differ\)"):
        started(saved(model="squeezenet1_1"))


def test_a_resnet_for_small_pictures_takes_no_weights_of_the_usual_stem(
    saved: Callable[..., Path],
) -> None:
    file = saved(model="resnet18")
    started(file, side=65, model="resnet18")
    said = r"first layer is another one up to 64 pixels\): conv1\.weight is \(64, 3, 7, 7\), not"
    with pytest.raises(ConfigError, match=said):
        started(file, side=64, model="resnet18")


class Code:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Code(), r"cannot be read as tensors .* state dict alone"),
        ({"epoch": 3, "state_dict": {"a": torch.ones(1)}}, r"is no state dict: of epoch, "
         r"state_dict, epoch is no tensor; save its part 'state_dict' alone"),
        ([torch.ones(1)], "holds a list, no state dict"),
    ],
    ids=["code", "checkpoint", "list"],
)  # fmt: skip
def test_what_is_no_state_dict_is_refused_and_runs_no_code(
    value: Any, said: str, folder: Path
) -> None:
    torch.save(value, "a.pth")
    with pytest.raises(DataError, match=said):
        started("a.pth")
    assert not Path("ran").exists()


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off"])
def test_a_missing_or_broken_file_is_told(name: str, content: bytes | None, folder: Path) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        started(name)


def test_a_library_s_weights_are_those_of_its_own_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of the library's cache, where the file has the name of its address."""
    monkeypatch.setenv("TORCH_HOME", str(folder))
    address = models.get_model_weights(MODEL)["IMAGENET1K_V1"].url
    file = folder / "hub/checkpoints" / address.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    torch.save(network().state_dict(), file)
    x = pictures()
    expected = without_classifier(network())(x)
    assert torch.allclose(started("torchvision:IMAGENET1K_V1")(x), expected, atol=1e-5)


def test_without_a_network_it_is_said_what_to_download(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **options: Any) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(folder))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    said = r"could not be downloaded \(.*not known.*\); download https://.*\.pth elsewhere, put it"
    with pytest.raises(ConfigError, match=said):
        started("torchvision:IMAGENET1K_V1")


def test_an_unknown_name_of_weights_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"has no 'IMAGENET1K_V3'; did you mean 'IMAGENET1K_V"):
        started("torchvision:IMAGENET1K_V3")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"weights": "timm:a1_in1k"}, "library is 'torchvision'; name weights of torchvision"),
        ({"weights": "IMAGENET1K_V1"}, r"neither a file \(\.safetensors, \.pth, \.pt\) nor a name"),
        ({"weights": "a.pth", "model": "googlenet"}, "googlenet scales its inputs in another way"),
    ],
)
def test_impossible_weights_are_refused_before_any_work(changed: dict[str, str], said: str) -> None:
    declared = registry.declaration("encoders", "backbone")
    assert declared.check is not None
    options = {"library": "torchvision", "model": MODEL, "weights": None}
    assert not list(declared.check(options, None))
    faults = list(declared.check(options | changed, None))
    assert len(faults) == 1 and said.replace("\\", "") in faults[0]


def prepared(channels: int = 3) -> Prepared:
    split = Split(torch.zeros(4, channels, 32, 32, dtype=torch.uint8), None, torch.arange(4))
    statistics = Statistics(OF_DATA.mean[:channels], OF_DATA.std[:channels])
    return Prepared(dict.fromkeys(("train", "validation", "test"), split), (), "image", statistics)


def described(weights: str | None, channels: int = 3) -> encoder.Description:
    options = {"library": "torchvision", "model": MODEL, "weights": weights}
    return encoder.Description.for_data(prepared(channels), "backbone", options)


def test_inputs_are_standardised_as_the_weights_expect_it() -> None:
    assert described(None).statistics == OF_DATA
    assert described("a.pth").statistics == IMAGENET
    assert described("torchvision:IMAGENET1K_V1").statistics == IMAGENET
    grey = described("a.pth", channels=1).statistics
    assert grey.mean == pytest.approx((0.449,)) and grey.std == pytest.approx((0.226,))


def test_a_saved_encoder_needs_the_file_no_more(saved: Callable[..., Path], tmp_path: Path) -> None:
    file = saved()
    own = encoder.build(described(str(file)), 0)
    encoder.save(tmp_path / "encoder", own)
    file.unlink()
    loaded = encoder.load(tmp_path / "encoder")
    x = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert torch.equal(loaded(x), own.eval()(x))
    assert loaded.description.statistics == IMAGENET and not loaded.description.has_start


def test_the_same_network_untrained_has_random_weights_and_the_data_s_statistics(
    saved: Callable[..., Path],
) -> None:
    whole = described(str(saved()))
    random = whole.without_start(OF_DATA)
    assert whole.has_start and not random.has_start and random.statistics == OF_DATA
    first, second = (encoder.build(of, 0).state_dict() for of in (random, described(None)))
    assert all(map(torch.equal, first.values(), second.values()))


@pytest.mark.slow
class TestTimm:
    """With the extra `timm`, as in test_backbone.py."""

    @pytest.fixture(autouse=True)
    def _needed(self) -> None:
        pytest.importorskip("timm")

    @pytest.mark.parametrize("side", [72, 96])
    def test_a_file_with_a_classifier_fits(self, side: int, folder: Path) -> None:
        import timm

        torch.manual_seed(3)
        own = timm.create_model("resnet18").eval()
        torch.save(own.state_dict(), "a.pth")
        options = {"library": "timm", "model": "resnet18", "weights": "a.pth"}
        made = registry.bind("encoders", "backbone", options)((3, side, side)).eval()
        x = pictures(side=side)
        expected = own.forward_head(own.forward_features(x), pre_logits=True)
        assert torch.allclose(made(x), expected, atol=1e-5)

    def test_inputs_are_standardised_as_the_model_states_it(self) -> None:
        options = {"library": "timm", "model": "vit_tiny_patch16_224", "weights": "a.pth"}
        described = encoder.Description.for_data(prepared(), "backbone", options)
        assert described.statistics == Statistics((0.5,) * 3, (0.5,) * 3)
        options |= {"model": "resnet18", "weights": "timm:a1_in1k"}
        described = encoder.Description.for_data(prepared(), "backbone", options)
        assert described.statistics == IMAGENET

    def test_an_unknown_tag_is_refused(self) -> None:
        options = {"library": "timm", "model": "resnet18", "weights": "timm:a1_in1"}
        with pytest.raises(ConfigError, match=r"Invalid pretrained tag \(a1_in1\) for resnet18"):
            encoder.Description.for_data(prepared(), "backbone", options)
        with pytest.raises(ConfigError, match="has no 'a1_in1'; did you mean 'a1_in1k'"):
            registry.bind("encoders", "backbone", options)((3, 72, 72))
