"""Types and checks that the options of several plug-ins share; PyTorch is not imported.

A pair (low, high) is the range that values are drawn from; a pair in the wrong order is an error.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from annotated_types import Gt, Le, Lt
from pydantic import AfterValidator

from twinview.core.counts import counted


def rising(pair: tuple[float, float]) -> tuple[float, float]:
    """The pair itself. Raises ValueError if its low end is above its high end."""
    low, high = pair
    if low > high:
        raise ValueError(f"the low end {low} is above the high end {high}")
    return pair


RISING = AfterValidator(rising)

Positive = Annotated[float, Gt(0)]
Share = Annotated[float, Gt(0), Le(1)]
Part = Annotated[float, Gt(0), Lt(1)]  # a share that is not all
PositiveRange = Annotated[tuple[Positive, Positive], RISING]
ShareRange = Annotated[tuple[Share, Share], RISING]

Distance = Literal["euclidean", "cosine"]
Mining = Literal["all", "semi_hard", "hard"]


def oversized(setting: str, value: int, split: str, settings: Any) -> Iterator[str]:
    """A fault if a setting asks for more rows than a split of settings.data has.

    There is none where settings.data states a share, whose rows are known after stage prepare.
    """
    most = getattr(settings.data, split)
    if isinstance(most, int) and value > most:
        yield (
            f"{setting}: is {value}, more than the {counted(most, 'example')} of {split}; "
            f"lower it to {most} or less"
        )


def uncropped(setting: str, small_crops: Any, settings: Any) -> Iterator[str]:
    """A fault if a setting asks for small crops, and settings.views.chain cuts no window out."""
    chain = settings.views.chain
    if small_crops and "random_resized_crop" not in chain:
        yield (
            f"{setting}: small crops need random_resized_crop in views.chain: {', '.join(chain)}; "
            "add it, or set this to null"
        )
