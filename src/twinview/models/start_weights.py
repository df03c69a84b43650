"""Weights of torchvision and timm, or of a file, that a network of these libraries starts from."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from twinview.core.counts import counted
from twinview.core.errors import ConfigError
from twinview.core.registry import did_you_mean

_SETTING = "encoders.backbone.weights"
_COUNT = ".num_batches_tracked"  # batch norm's; files from before PyTorch 0.4.1 have none
_Shapes = Mapping[str, tuple[int, ...]]


def download(weights: str, model: str, options: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The tensors of a library's weights by name, from the library's cache or its server.

    Parameters
    ----------
    weights : the library's name, a colon and the weights' name.
    model : the library's name of the network.
    options : those by which timm makes the network.

    Raises
    ------
    ConfigError : the library has no such weights, or they could not be downloaded.
    """
    library, _, name = weights.partition(":")
    known = _torchvision_addresses(model) if library == "torchvision" else _timm_addresses(model)
    if name not in known:
        raise ConfigError(f"{_SETTING}: {model} has no {name!r}{did_you_mean(name, known)}")
    try:
        if library == "torchvision":
            return _torchvision_weights(model, name)
        return _timm_weights(model, name, options)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError.at(
            _SETTING,
            f"is {weights!r}, which could not be downloaded ({reason})",
            f"download {known[name]} elsewhere, put it into data/weights/, and name the file here",
        ) from None


def start(
    network: nn.Module, found: Mapping[str, Tensor], classifiers: tuple[str, ...], where: str
) -> None:
    """Gives the network the tensors, of which the classifiers' may be absent or left over.

    Where the network takes grey pictures and the tensors are for colour, those of the first
    convolution are summed over the channels: the result for a grey picture stays the same.

    Parameters
    ----------
    network : the network, without its classifiers.
    found : the tensors by name.
    classifiers : the names of the network's classification layers.
    where : the weights, the model and the pictures, for errors: "is 'a.pth', which ...".

    Raises
    ------
    ConfigError : another name or shape differs, or a number is not finite.
    """
    adapted = _adapted(network, found, classifiers)
    _require_equal(
        {name: tuple(tensor.shape) for name, tensor in adapted.items()},
        {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()},
        where,
    )
    for name, tensor in adapted.items():
        if not tensor.isfinite().all():
            problem = f"{where}: {name} has numbers that are not finite"
            raise ConfigError.at(_SETTING, problem, "name another file")
    network.load_state_dict(adapted, strict=True)


def _torchvision_addresses(model: str) -> dict[str, str]:
    from torchvision import models

    return {name: of.url for name, of in models.get_model_weights(model).__members__.items()}


def _timm_addresses(model: str) -> dict[str, str]:
    import timm

    named = [name for name in timm.list_pretrained() if name.startswith(f"{model}.")]
    return {name.partition(".")[2]: f"https://huggingface.co/timm/{name}" for name in named}


def _torchvision_weights(model: str, name: str) -> Mapping[str, Tensor]:
    from torchvision import models

    # The library's own function gives the layers of old files their names of today.
    found: Mapping[str, Tensor] = models.get_model(model, weights=name).state_dict()
    return found


def _timm_weights(model: str, name: str, options: Mapping[str, Any]) -> Mapping[str, Tensor]:
    import timm

    network = timm.create_model(f"{model}.{name}", pretrained=True, **options)
    found: Mapping[str, Tensor] = network.state_dict()
    return found


def _adapted(
    network: nn.Module, found: Mapping[str, Tensor], classifiers: tuple[str, ...]
) -> dict[str, Tensor]:
    """The tensors without the classifiers', with counts where there are none, and for grey."""
    expected = network.state_dict()
    extra = tuple(f"{layer}." for layer in classifiers)
    adapted = {name: tensor for name, tensor in found.items() if not name.startswith(extra)}
    adapted |= {n: of for n, of in expected.items() if n.endswith(_COUNT) and n not in adapted}
    convolutions = (n for n, of in network.named_modules() if isinstance(of, nn.Conv2d))
    first = f"{next(convolutions)}.weight"
    channels = [
        len(of[first][0]) for of in (expected, adapted) if first in of and of[first].ndim > 1
    ]
    if channels == [1, 3]:
        adapted[first] = adapted[first].sum(1, keepdim=True)
    return adapted


def _require_equal(found: _Shapes, expected: _Shapes, where: str) -> None:
    """Raises ConfigError, with the first names that differ, unless names and shapes are equal."""
    differing = [n for n in {**expected, **found} if expected.get(n) != found.get(n)]
    if not differing:
        return
    examples = ", ".join(
        f"{name} is {found.get(name, 'absent')}, not {expected.get(name, 'absent')}"
        for name in differing[:3]
    )
    remedy = "set model to the one that these weights are of, or weights to null"
    if prefix := _prefix(found, expected):
        remedy = f"take {prefix!r} off the beginning of every name in the file"
    verb = "differs" if len(differing) == 1 else "differ"
    problem = f"{where}: {examples} ({counted(len(differing), 'name')} {verb})"
    raise ConfigError.at(_SETTING, problem, remedy)


def _prefix(found: _Shapes, expected: _Shapes) -> str:
    """What stands before every name of a file whose names fit otherwise; "" if there is none."""
    first = next(iter(expected))
    prefixes = [name.removesuffix(first) for name in found if name.endswith(f".{first}")]
    fits = [p for p in prefixes if all(n.startswith(p) or n.endswith(_COUNT) for n in found)]
    return fits[0] if fits else ""
