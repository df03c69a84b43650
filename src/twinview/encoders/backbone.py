"""A classification network of torchvision or timm, without its classification layer."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, final

import torch
from torch import Tensor, nn
from torchvision import models

from twinview.core import declare
from twinview.core.errors import ConfigError
from twinview.core.registry import did_you_mean
from twinview.core.tensor_files import read_state_dict
from twinview.models import start_weights
from twinview.settings.params import Params

SMALL_SIDE = 64  # pixels
CLASSES = 1000  # torchvision's default number of classes


def backbone(
    shape: tuple[int, ...],
    *,
    library: Literal["torchvision", "timm"],
    model: str,
    weights: str | None,
) -> nn.Module:
    """A network that maps pictures to the input of its classification layer.

    Where pictures do not have 3 channels, torchvision's first convolution gets weights for theirs,
    drawn like those of its ResNets (He's normal, fan-out). ResNets of either library take small
    pictures (up to 64 pixels) in by a 3x3 convolution of stride 1, without max-pooling (SimCLR,
    appendix B.9). timm's vit leaves out the margin that fills no patch.

    Parameters
    ----------
    shape : (c, h, w) of one picture. Of torchvision's networks, convnext, densenet and vgg need 32
        pixels, alexnet 63, inception_v3 75, vit a square of whole patches, maxvit multiples of
        224.
    library : torchvision or timm.
    model : one of torchvision.models.list_models() or of timm.list_models().
    weights : None, a file, or the library's weights by name (torchvision:IMAGENET1K_V1,
        timm:a1_in1k), which the library downloads. A file is a state dict of the model, .pth, .pt
        or .safetensors; it may have a classification layer, and must equal the network otherwise
        in all names and shapes. For grey pictures the first convolution's weights are summed over
        their channels.

    Raises
    ------
    ConfigError : the library does not have the model or the weights, the model cannot take such
        pictures, or the weights do not fit.
    DataError : the file of weights cannot be read.
    """
    make = {"torchvision": _torchvision_network, "timm": _timm_network}[library]
    try:
        network, maps, classifiers = make(model, shape)
        built = Backbone(network, maps, shape)
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError.at(
            "encoders.backbone.model",
            f"is {model!r}, which cannot take pictures of {_size(shape)} ({reason})",
            "choose one that can, such as resnet18, which takes any size",
        ) from None
    if weights is not None:
        where = f"is {weights!r}, which does not fit {model!r} for pictures of {_size(shape)}"
        if _has_small_stem(network, shape):
            where += f" (a ResNet's first layer is another one up to {SMALL_SIDE} pixels)"
        start_weights.start(network, _read(weights, model, shape), classifiers, where)
    return built


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    library, model, weights = options["library"], options["model"], options["weights"]
    if weights is None:
        return
    named = weights.startswith(_NAMED)
    if named and not weights.startswith(f"{library}:"):
        yield (
            f"encoders.backbone.weights: is {weights!r}, and encoders.backbone.library is "
            f"{library!r}; name weights of {library}, or set library to {weights.partition(':')[0]}"
        )
    if not named and Path(weights).suffix not in _SUFFIXES:
        yield (
            f"encoders.backbone.weights: is {weights!r}, which is neither a file "
            f"({', '.join(_SUFFIXES)}) nor a name such as torchvision:IMAGENET1K_V1; set it to "
            "one of these, or to null for random weights"
        )
    if model in _SCALES_INPUTS:
        yield (
            f"encoders.backbone.weights: is {weights!r}, and {model} scales its inputs in another "
            "way with weights than without; choose another model, or set weights to null"
        )


_NAMED = ("torchvision:", "timm:")
_SUFFIXES = (".safetensors", ".pth", ".pt")
_SCALES_INPUTS = ("googlenet", "inception_v3")
# What all of torchvision's weights for classification expect, on the scale of [0, 1].
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _files(options: Mapping[str, Any]) -> list[str]:
    """The file of weights, if the option names one."""
    weights = options["weights"]
    return [weights] if weights and not weights.startswith(_NAMED) else []


def _standard(options: Mapping[str, Any], channels: int) -> declare.Channels | None:
    """The mean and deviation that the library states for the model's weights.

    Grey pictures get the mean of the three channels' values.
    """
    if options["weights"] is None:
        return None
    mean, std = _IMAGENET
    if options["library"] == "timm":
        model, (_, _, tag) = options["model"], options["weights"].partition("timm:")
        try:
            config = _timm().get_pretrained_cfg(f"{model}.{tag}" if tag else model)
        except RuntimeError as error:
            raise ConfigError(
                f"encoders.backbone.weights: {error}; https://huggingface.co/timm has the tags"
            ) from None
        mean, std = tuple(config.mean), tuple(config.std)
    if channels == 1:
        return (sum(mean) / len(mean),), (sum(std) / len(std),)
    return mean, std


def _timm() -> Any:
    """The library, which is optional."""
    try:
        import timm
    except ModuleNotFoundError:
        raise ConfigError(
            "encoders.backbone.library: is 'timm', which is not installed; "
            "pip install 'twinview[timm]', or set it to torchvision"
        ) from None
    return timm


DECLARES = declare.Encoder(
    check=_check,
    quick={"model": "shufflenet_v2_x0_5"},
    start=("weights",),
    start_files=_files,
    standard=_standard,
)


@final
class Backbone(nn.Module):
    """Maps pictures to maps (`features`) and to pooled features (`forward`).

    maps: the name of the network's part that gives the maps; None for timm's networks, which have
    a method for it. pooled_positions: the number of positions that stay apart when a map is
    pooled.
    """

    pooled_positions = 1

    def __init__(self, network: nn.Module, maps: str | None, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.maps = maps
        with torch.no_grad():
            self.dim = self.eval()(torch.zeros(1, *shape)).shape[1]
        self.train()

    def features(self, x: Tensor) -> Tensor:
        """The last maps (n, width, h', w') of pictures; of a transformer, its tokens (n, t, d)."""
        if self.maps is None:
            maps: Tensor = self.network.forward_features(x)  # type: ignore[operator]
            return maps
        kept: list[Tensor] = []
        part = self.network.get_submodule(self.maps)
        with part.register_forward_hook(lambda module, given, out: kept.append(out)):
            self(x)
        return kept[0]

    def forward(self, x: Tensor) -> Tensor:
        """The features (n, dim) of pictures (n, c, h, w)."""
        pooled: Tensor = self.network(x.contiguous(memory_format=torch.channels_last))
        return pooled


def _torchvision_network(
    model: str, shape: tuple[int, ...]
) -> tuple[nn.Module, str, tuple[str, ...]]:
    """The network, the part whose maps are pooled, and the layer that was its classifier."""
    known = models.list_models(module=models)
    if model not in known:
        raise ConfigError(
            f"encoders.backbone.model: torchvision has no {model!r}{did_you_mean(model, known)}"
        )
    network = models.get_model(model, weights=None, **_architecture_options(model, shape))
    if isinstance(network, models.MNASNet):
        # MNASNet refuses weights without their format's version, which safetensors do not hold.
        parts = {"layers": network.layers, "avgpool": nn.AdaptiveAvgPool2d(1)}
        parts |= {"flatten": nn.Flatten(), "classifier": network.classifier}
        network = nn.Sequential(OrderedDict(parts))
    layers = (nn.Linear, nn.Conv2d)
    last = [
        name
        for name, layer in network.named_modules()
        if isinstance(layer, layers) and len(layer.weight) == CLASSES
    ][-1]
    network.set_submodule(last, nn.Identity())
    if _has_small_stem(network, shape) or shape[0] != 3:
        _renew_first_convolution(network, shape)
    return network, _pooled(network, last), (last,)


def _timm_network(model: str, shape: tuple[int, ...]) -> tuple[nn.Module, None, tuple[str, ...]]:
    timm = _timm()
    if not timm.is_model(model):
        raise ConfigError(
            f"encoders.backbone.model: timm has no {model!r}; timm.list_models() gives its names"
        )
    config = timm.get_pretrained_cfg(model)
    network = timm.create_model(model, **_timm_options(model, shape))
    if _has_small_stem(network, shape):
        _renew_first_convolution(network, shape)
    classifiers = (config.classifier,) if isinstance(config.classifier, str) else config.classifier
    return network, None, tuple(classifiers or ())


def _timm_options(model: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """The options by which timm makes the network for pictures of this shape."""
    fixed = _timm().get_pretrained_cfg(model).fixed_input_size
    size = {"img_size": shape[1:]} if fixed else {}
    return {"num_classes": 0, "in_chans": shape[0], **size}


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _read(weights: str, model: str, shape: tuple[int, ...]) -> Mapping[str, Tensor]:
    """The tensors by name, of a file or of a library's weights."""
    if not weights.startswith(_NAMED):
        return read_state_dict(Path(weights))
    options = _timm_options(model, shape) if weights.startswith("timm:") else {}
    return start_weights.download(weights, model, options)


def _architecture_options(model: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """The options that some of torchvision's architectures need."""
    if model.startswith("vit_"):
        return {"image_size": shape[1]}
    if model.startswith("maxvit_"):
        return {"input_size": shape[1:]}
    if model in ("googlenet", "inception_v3"):
        return {"aux_logits": False, "init_weights": True}
    return {}


def _has_small_stem(network: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether the network is a ResNet for small pictures; both libraries have such a class name."""
    return type(network).__name__ == "ResNet" and max(shape[1:]) <= SMALL_SIDE


def _renew_first_convolution(network: nn.Module, shape: tuple[int, ...]) -> None:
    """Gives the first convolution the shape's channels; in small ResNets also size 3, stride 1."""
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    if _has_small_stem(network, shape):
        first.kernel_size, first.stride, first.padding = (3, 3), (1, 1), (1, 1)
        network.set_submodule("maxpool", nn.Identity())
    first.in_channels = shape[0]
    first.weight = nn.Parameter(torch.empty(first.out_channels, shape[0], *first.kernel_size))
    nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")


def _pooled(network: nn.Module, classifier: str) -> str:
    """The name of the part before the pooling or the classifier; of a list, its last member."""
    parts = dict(network.named_children())
    end = "avgpool" if "avgpool" in parts else classifier.partition(".")[0]
    name = list(parts)[list(parts).index(end) - 1]
    part = parts[name]
    return f"{name}.{len(part) - 1}" if isinstance(part, nn.ModuleList) else name
