"""Any classification network of torchvision or timm, with its classification layer taken away."""

from collections import OrderedDict
from typing import Any, Literal, final

import torch
from torch import Tensor, nn
from torchvision import models

from twinview.core import declare
from twinview.core.errors import ConfigError
from twinview.core.registry import did_you_mean

SMALL = 64  # px
CLASSES = 1000  # torchvision's, unless it is told otherwise


def backbone(
    shape: tuple[int, ...], *, library: Literal["torchvision", "timm"], model: str
) -> nn.Module:
    """What the network would hand its classification layer; the first weights are random.

    shape: (c, h, w) of one input. model: one of torchvision.models.list_models(), or of
    timm.list_models(). Where c is not 3, torchvision's first convolution gets weights for c
    channels, drawn like those of its ResNets (He's normal, fan-out). ResNets of either library
    take small pictures (up to 64 px) in by a 3x3 convolution of stride 1, without max-pooling
    (SimCLR, appendix B.9). Raises ConfigError for a name that the library does not have, and for
    pictures that the network cannot take: of torchvision's, convnext, densenet and vgg want 32 px,
    alexnet 63, inception_v3 75, vit a square of whole patches, maxvit multiples of 224. timm's
    vit leaves out the rim that fills no patch.
    """
    make = {"torchvision": _of_torchvision, "timm": _of_timm}[library]
    try:
        return Backbone(*make(model, shape), shape)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"encoders.backbone.model: {model!r} cannot take pictures of "
            f"{' x '.join(map(str, shape))} ({str(error).partition(chr(10))[0]}); choose one that "
            "can, as resnet18, which takes any size"
        ) from None


DECLARES = declare.Declaration(quick={"model": "shufflenet_v2_x0_5"})


@final
class Backbone(nn.Module):
    """Maps by `features`, (n, dim) by `forward`.

    maps: which part of the network gives them; null: timm's networks tell it themselves.
    places: of a map, that stay apart when it is pooled.
    """

    places = 1

    def __init__(self, network: nn.Module, maps: str | None, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.maps = maps
        with torch.no_grad():
            self.dim = self.eval()(torch.zeros(1, *shape)).shape[1]
        self.train()

    def features(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to the last maps (n, width, h', w'), or a transformer's tokens (n, t, d)."""
        if self.maps is None:
            maps: Tensor = self.network.forward_features(x)  # type: ignore[operator]
            return maps
        kept: list[Tensor] = []
        part = self.network.get_submodule(self.maps)
        with part.register_forward_hook(lambda module, given, out: kept.append(out)):
            self(x)
        return kept[0]

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, dim)."""
        pooled: Tensor = self.network(x.contiguous(memory_format=torch.channels_last))
        return pooled


def _of_torchvision(model: str, shape: tuple[int, ...]) -> tuple[nn.Module, str]:
    """The network, and the name of the part that is pooled."""
    known = models.list_models(module=models)
    if model not in known:
        raise ConfigError(
            f"encoders.backbone.model: torchvision has no {model!r}{did_you_mean(model, known)}"
        )
    network = models.get_model(model, weights=None, **_own_options(model, shape))
    if isinstance(network, models.MNASNet):
        # It takes no weights without their format's version, which safetensors do not hold.
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
    if _starts_small(network, shape) or shape[0] != 3:
        _renew_first_convolution(network, shape)
    return network, _pooled(network, last)


def _of_timm(model: str, shape: tuple[int, ...]) -> tuple[nn.Module, None]:
    try:
        import timm
    except ModuleNotFoundError:
        raise ConfigError(
            "encoders.backbone.library: is 'timm', which is not installed; "
            "pip install 'twinview[timm]', or set it to torchvision"
        ) from None
    if not timm.is_model(model):
        raise ConfigError(
            f"encoders.backbone.model: timm has no {model!r}; timm.list_models() gives its names"
        )
    fixed = timm.get_pretrained_cfg(model).fixed_input_size
    size = {"img_size": shape[1:]} if fixed else {}
    network = timm.create_model(model, num_classes=0, in_chans=shape[0], **size)
    if _starts_small(network, shape):
        _renew_first_convolution(network, shape)
    return network, None


def _own_options(model: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """What single architectures of torchvision need to be told."""
    if model.startswith("vit_"):
        return {"image_size": shape[1]}
    if model.startswith("maxvit_"):
        return {"input_size": shape[1:]}
    if model in ("googlenet", "inception_v3"):
        return {"aux_logits": False, "init_weights": True}
    return {}


def _starts_small(network: nn.Module, shape: tuple[int, ...]) -> bool:
    """Both libraries call the class of all their ResNets so."""
    return type(network).__name__ == "ResNet" and max(shape[1:]) <= SMALL


def _renew_first_convolution(network: nn.Module, shape: tuple[int, ...]) -> None:
    """Makes it one for the shape's channels; in small ResNets of size 3 and stride 1."""
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    if _starts_small(network, shape):
        first.kernel_size, first.stride, first.padding = (3, 3), (1, 1), (1, 1)
        network.set_submodule("maxpool", nn.Identity())
    first.in_channels = shape[0]
    first.weight = nn.Parameter(torch.empty(first.out_channels, shape[0], *first.kernel_size))
    nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")


def _pooled(network: nn.Module, classifier: str) -> str:
    """The part before the pooling, or before the one with the classifier; of a list, its last."""
    parts = dict(network.named_children())
    end = "avgpool" if "avgpool" in parts else classifier.partition(".")[0]
    name = list(parts)[list(parts).index(end) - 1]
    part = parts[name]
    return f"{name}.{len(part) - 1}" if isinstance(part, nn.ModuleList) else name
