"""Three steps of a training in float64, by the loop and by hand."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, final

import torch
from torch import Tensor, nn

from tests.support.training import CPU
from twinview.compute.gradient_cache import GradientCache
from twinview.core import registry
from twinview.core.types import Split
from twinview.heads.nonlinear import nonlinear
from twinview.learning.loop import Budget, batches, fit, learning_rate
from twinview.learning.parts import Method
from twinview.views.live import Views

N, STEPS, WIDTH = 8, 3, 5
SPLIT = Split(torch.zeros(STEPS * N, 1), torch.arange(STEPS * N) % 3, torch.arange(STEPS * N))
OWN = Budget(
    epochs=1, batch_size=N, learning_rate=0.5, warmup_epochs=0, seed=0, precision="float32"
)


@final
class Rows(Views):
    """Up to four views of each row, of six numbers."""

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        generator = torch.Generator().manual_seed(epoch)
        return torch.randn(4, STEPS * N, 6, generator=generator).double()[:count, rows]


def networks() -> tuple[nn.Module, nn.Module]:
    """An encoder and a head, both with batch norm, in float64."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh()).double()
    return encoder, nonlinear(8, depth=1, hidden=7, dim=WIDTH, norm="hidden").double()


def made(name: str, micro_batch: int = N, **options: object) -> Method:
    """The method in float64, around networks()."""
    encoder, head = networks()
    own: Method = registry.bind("methods", name, options)(GradientCache(encoder, micro_batch), head)
    return own.double()


def by_the_loop(method: Method, views: Views | None = None) -> list[float]:
    """The losses of all steps of SGD."""
    sgd = registry.bind("optimizers", "sgd", {"weight_decay": 0.0, "momentum": 0.0})
    return [step.loss for step in fit(method, SPLIT, views or Rows(), sgd, OWN, CPU)]


def by_hand(
    weights: list[nn.Parameter],
    loss: Callable[..., Tensor],
    after: Callable[[int], None],
    views: Views | None = None,
    count: int = 2,
) -> list[float]:
    """The same with a loss of the step and its views, and what follows each update.

    Where the views have small crops, these are further arguments of the loss.
    """
    losses = []
    for number, *crops in _steps(views or Rows(), count):
        value = loss(number, *crops)
        gradients = torch.autograd.grad(value, weights, allow_unused=True)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                if gradient is not None:
                    weight -= learning_rate(number - 1, STEPS, OWN) * gradient
            after(number)
        losses.append(value.item())
    return losses


def _steps(views: Views, count: int) -> Iterator[Any]:
    for number, batch in enumerate(batches(SPLIT, views, OWN, 0, count), start=1):
        yield number, *batch.views, *([] if batch.small_crops is None else batch.small_crops)


def close(one: object, other: object) -> bool:
    """Equal to float64's rounding through three steps."""
    return torch.allclose(torch.as_tensor(one), torch.as_tensor(other), rtol=1e-9, atol=1e-10)


def same(one: nn.Module, other: nn.Module) -> bool:
    """The same weights and buffers."""
    first, second = one.state_dict().values(), other.state_dict().values()
    return all(close(a, b) for a, b in zip(first, second, strict=True))


def slow_copy(*modules: nn.Module) -> tuple[nn.Module, ...]:
    """Copies that learn by average only."""
    return tuple(copy.deepcopy(module) for module in modules)


@torch.no_grad()
def average(slow: nn.Module, fast: nn.Module, decay: float) -> None:
    """slow = decay * slow + (1 - decay) * fast; buffers are copied."""
    for old, new in zip(slow.parameters(), fast.parameters(), strict=True):
        old.copy_(decay * old + (1 - decay) * new)
    for old, new in zip(slow.buffers(), fast.buffers(), strict=True):
        old.copy_(new)
