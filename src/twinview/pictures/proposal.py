"""Settings for a folder of pictures: their size, the encoder, the views, and how long to train."""

import math
from dataclasses import dataclass
from typing import Any

_MINUTES, _PICTURES, _POWER = 1.5, 2000, 0.7  # 2,000 pictures take 1.5 minutes, 20,000 take 7.5
_SHORTEST, _LONGEST = 1.0, 60.0  # minutes
_FEWEST_EPOCHS, _MOST_EPOCHS = 4, 200
_TRAIN = 0.8  # the share of train
_SURE = 0.8  # the share of the pictures that can be read for sure, as their number is an estimate
_COLOUR = ("saturation", "hue", "grey")
_BLUR_FROM = 64  # pixels: smaller pictures have no detail to lose (SimCLR, appendix B.9)


@dataclass(frozen=True)
class Regime:
    """What suits pictures whose median shorter side is at most `up_to` pixels.

    side: the size at which they are stored. cost: processor seconds of a training example, beside
    those of params.yaml's encoder and views at 28 pixels; docs/settings.md tells how.
    """

    up_to: float
    side: int
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    pool_size: int
    cost: float


# The strides make the last maps of 6 to 8 pixels, whatever the size, so that a step of 96 pixels
# costs three times one of 28, and not twelve times.
REGIMES = (
    Regime(48, 32, (32, 64, 128), (1, 2, 2), 4, cost=1.5),
    Regime(80, 64, (32, 64, 128, 256), (2, 2, 2, 1), 2, cost=1.9),
    Regime(math.inf, 96, (32, 64, 128, 256), (2, 2, 2, 2), 2, cost=3.0),
)


@dataclass(frozen=True)
class Proposal:
    """settings: values by dotted name. minutes: what the training takes at the measured rate."""

    settings: dict[str, Any]
    minutes: float


def settings_by_size(count: int, median_side: float, channels: int) -> dict[str, Any]:
    """The settings that do not depend on the machine, by dotted name; its rate is measured by them.

    Parameters
    ----------
    count : the number of pictures.
    median_side : the median of their shorter sides, in pixels.
    channels : 1 for grey pictures, which have no colour to change, 3 for colour.
    """
    regime = next(of for of in REGIMES if median_side <= of.up_to)
    chain = ["random_resized_crop", "horizontal_flip", "brightness", "contrast"]
    chain += _COLOUR if channels == 3 else ()
    chain += ["gaussian_blur"] if regime.side >= _BLUR_FROM else []
    examples, fewest = (max(1, math.floor(_TRAIN * few)) for few in (count, _SURE * count))
    return {
        "data.size": regime.side,
        "data.channels": channels,
        "views.chain": chain,
        "pretrain.encoder": "convnet",
        "encoders.convnet.first_layer": "learned",
        "encoders.convnet.widths": list(regime.widths),
        "encoders.convnet.strides": list(regime.strides),
        "encoders.convnet.pool_size": regime.pool_size,
        "pretrain.batch_size": batch_size(examples),
        "baselines.pca_components": min(64, fewest),
        "report.neighbours": min(8, fewest),
        "probes.knn.neighbours": [min(10, fewest)],
        "tasks.clusters.counts": [k for k in (5, 10, 20) if k <= fewest] or [2],
    }


def propose(count: int, median_side: float, channels: int, rate: float) -> Proposal:
    """All settings, with as many epochs as fit into the minutes that suit the number of pictures.

    Parameters
    ----------
    count, median_side, channels : as of settings_by_size.
    rate : examples a second, which learning.rate.measure_rate measures with those settings.
    """
    examples = math.floor(_TRAIN * count)
    wanted = 60 * target_minutes(count) * rate / max(1, examples)
    epochs = min(max(round(wanted), _FEWEST_EPOCHS), _MOST_EPOCHS)
    settings = settings_by_size(count, median_side, channels) | {"pretrain.epochs": epochs}
    return Proposal(settings, epochs * examples / rate / 60)


def target_minutes(count: int) -> float:
    """How long a training on so many pictures should take: longer for more, but not in proportion.

    Few pictures are seen more often, since each epoch of them is short.
    """
    minutes = _MINUTES * math.pow(count / _PICTURES, _POWER)
    return min(max(minutes, _SHORTEST), _LONGEST)


def batch_size(examples: int) -> int:
    """The largest power of 2 with eight batches an epoch, at least 16 and at most 256.

    Fewer examples than 16 give one batch of all of them.
    """
    fitting = 1 << int(math.log2(max(1, examples // 8)))
    return max(2, min(max(16, min(256, fitting)), examples))
