"""DINO: predict a slow teacher's choice among prototypes (arXiv 2104.14294, algorithm 1)."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, final

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp, multi_crop
from twinview.learning.parts import Method, Momentum, Part, Prototypes, output_width
from twinview.settings.params import Params
from twinview.settings.ranges import uncropped
from twinview.settings.sections import SmallCrops

Decay = Annotated[float, Ge(0), Lt(1)]
Temperature = Annotated[float, Gt(0)]


def dino(
    encoder: nn.Module,
    head: nn.Module,
    *,
    prototypes: Annotated[int, Ge(2)],
    temperature: Temperature,
    teacher_temperature: Temperature,
    decay: Decay,
    centre_decay: Decay,
    frozen_until: Annotated[float, Ge(0), Le(1)],
    small_crops: SmallCrops | None,
) -> Method:
    """Trains predictions of a slow teacher's probabilities of prototypes, given another view.

    Two forces keep the teacher from a collapse. Centring, which subtracts the mean cosine of each
    prototype, makes all prototypes about equally likely; sharpening, which is a low temperature,
    makes one of them likely for each example. A loss that stays at log(prototypes) is a collapse,
    and so is one near 0, which the monitors detect.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    prototypes : their number, the width of DINO's last layer. DINO uses 65536.
    temperature : divides the cosines of a prediction. DINO uses .1.
    teacher_temperature : divides the teacher's centred cosines. DINO uses .04, and raises it to .07
        over 30 epochs for its best results; ours is constant.
    decay : the share of the slow weight in each update; it rises to 1 over the training. DINO uses
        .996.
    centre_decay : the share of the earlier centre in each update. DINO uses .9.
    frozen_until : the share of the training before which the prototypes do not learn. DINO uses one
        epoch.
    small_crops : smaller crops, which predict the teacher's probabilities of both views, while the
        teacher does not see them; null: none. DINO uses 8 crops of 96 pixels and scale (.05, .4),
        and views of 224 pixels and scale (.4, 1).
    """
    layer = Prototypes(prototypes, output_width(head, "dino"), frozen_until)
    centre = Centre(prototypes, centre_decay)
    temperatures = (temperature, teacher_temperature)
    return Dino(encoder, head, layer, decay, centre, temperatures, small_crops)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    yield from uncropped("methods.dino.small_crops", options["small_crops"], settings)


DECLARES = declare.Method(
    negatives=None,
    check=_check,
    quick={
        "prototypes": 7,
        "decay": 0.9,
        "frozen_until": 0.3,
        "small_crops": {"count": 3, "side": 6, "scale": [0.2, 0.4]},
    },
    opts_out={
        "negatives": "a view predicts the teacher's probabilities of the same example",
        "chance": "random prototypes are not equally likely; all alike may even cost nothing",
    },
)


@final
class Centre(Part):
    """The exponential moving average of the teacher's mean cosine with each prototype (eq. 4)."""

    value: Tensor

    def __init__(self, width: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("value", torch.zeros(width))
        self._offered: Tensor | None = None

    def offer(self, scores: Tensor) -> None:
        """Keeps the mean of scores (v, n, width) until after_step adds it to the average."""
        self._offered = scores.mean((0, 1))

    def after_step(self, progress: float) -> None:
        """centre = decay * centre + (1 - decay) * offered."""
        offered, self._offered = self._offered, None
        if offered is not None:
            self.value.lerp_(offered.to(self.value.dtype), 1 - self.decay)


@final
class Dino(Method):
    """Its projections are the student's, of views and small crops; its targets the teacher's.

    The last layer, the prototypes, and the centre work on the projections of all processes.
    """

    views = 2

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        prototypes: Prototypes,
        decay: float,
        centre: Centre,
        temperatures: tuple[float, float],
        small_crops: SmallCrops | None,
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.prototypes = encoder, head, prototypes
        self.slow = Momentum(encoder, head, decay, decay_schedule="cosine")
        # The teacher's last layer; its rows have length 1 after each step too.
        self.slow_prototypes = Momentum(prototypes, nn.Identity(), decay, decay_schedule="cosine")
        self.centre = centre
        self.temperature, self.teacher_temperature = temperatures
        self.small_crops = small_crops

    def project(self, batch: Batch) -> Projections:
        """The student's projections of views and small crops, and the teacher's of the views."""
        z = multi_crop.project(self.encoder, self.head, batch)
        return Projections(z, batch.labels, self.slow(batch.views))

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The cross-entropy, as 'loss', of predictions and the teacher's probabilities.

        It is the mean over all pairs of a view that the teacher sees and another view or crop.
        """
        assert projections.targets is not None
        scores = self.slow_prototypes(log_sum_exp.normalise(projections.targets))
        probabilities = ((scores - self.centre.value) / self.teacher_temperature).softmax(2)
        self.centre.offer(scores)
        cosines = self.prototypes(log_sum_exp.normalise(projections.z))
        log_p = (cosines / self.temperature).log_softmax(2)
        return {"loss": multi_crop.cross_entropy(probabilities, log_p)}

    def chance(self, n: int) -> float:
        """The loss when all prototypes are equally likely."""
        return math.log(len(self.prototypes.weight))
