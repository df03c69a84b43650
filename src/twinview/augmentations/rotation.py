"""Rotation about the middle of the picture by a random angle."""

import math
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.warp import warp


def rotation(x: Tensor, draws: Draws, *, degrees: Annotated[float, Gt(0), Le(180)]) -> Tensor:
    """Pictures turned anticlockwise, with bilinear interpolation and black outside.

    A turn by 90 degrees equals torch.rot90.

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1].
    draws : the random numbers of the n pictures.
    degrees : the angle is uniform in [-degrees, degrees]. SimCLR's ablation (arXiv 2002.05709,
        figure
        5) has multiples of 90; its chain has no rotation.
    """
    angle = math.radians(1) * draws.uniform(low=-degrees, high=degrees)
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
    # Both sides have length 2 in theta's coordinates: without their ratio, a turn would also shear.
    ratio = x.shape[3] / x.shape[2]
    theta = torch.stack([cos, -sin / ratio, zero, sin * ratio, cos, zero], dim=1)
    return warp(x, theta.reshape(-1, 2, 3), "zeros", x.shape[2:])


DECLARES = declare.Augmentation(modality="image")
