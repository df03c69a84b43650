"""Views per second of SimCLR's colour chain, beside lightly, kornia and torchvision's v2.

All get the same uint8 RGB pictures in memory and give standardised float32 views, the input of an
encoder. All apply at random a resized crop, a flip (.5), brightness, contrast, saturation and hue
(.8), grey (.2) and a Gaussian blur (.5). They differ as follows; none of it favours twinview:

- twinview rounds its views to bytes, as it stores them, and standardises them afterwards. Each of
  its four jitters has a probability of .8, while the others draw once for all four. The mean number
  of jitters is the same.
- lightly is used as in its documentation, on one PIL image after another; the images are made
  beforehand. PIL's blur is three box filters for any sigma. Two threads become two workers of a
  DataLoader.
- torchvision's v2 draws one set of numbers for a whole batch, so it does the same work on all.
- kornia draws for each picture, as twinview does, but blurs with the whole window for any sigma.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.common import module, show, spread, torch_threads
from twinview.compute import devices
from twinview.core.types import Statistics
from twinview.modalities.image import image
from twinview.views.plan import ViewPlan

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, lightly's default
SCALE, RATIO, SIGMA, KERNEL = (0.08, 1.0), (3 / 4, 4 / 3), (0.1, 2.0), 0.1
JITTER = {"brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2}
_PIXELS = 600_000  # of a batch, approximately; it has between 16 and 256 pictures

Render = Callable[[], Tensor]


def measure(
    sizes: Sequence[int] = (28, 96, 224),
    threads: Sequence[int] = (1, 2),
    rounds: int = 7,
    min_s: float = 0.15,
) -> dict[str, Any]:
    """The views per second of each library, and twinview's rate as a multiple of each other's.

    Keys, each with median, low and high: views_96.kornia, views_96.vs_kornia, and with two threads
    views_96_threads_2.vs_kornia.

    Parameters
    ----------
    sizes : the sides of the pictures, in pixels.
    threads : the numbers of threads.
    rounds : each times all libraries, one after another, and gives one ratio.
    min_s : the shortest time of a library in a round, in seconds.

    Raises
    ------
    ConfigError : a library is not installed.
    """
    results: dict[str, Any] = {"versions": _versions()}
    for count in threads:
        with torch_threads(count):
            devices.set_threads(count)  # keeps freed memory, as trainings do, for all libraries
            for size in sizes:
                prefix = f"views_{size}" + (f"_threads_{count}" if count > 1 else "")
                rates = _rates(_libraries(_pictures(size), count), rounds, min_s)
                results |= {f"{prefix}.{name}": spread(rate) for name, rate in rates.items()}
                ours = rates.pop("twinview")
                for name, theirs in rates.items():
                    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
                    results[f"{prefix}.vs_{name}"] = spread(ratios)
    return results


def _libraries(pictures: Tensor, threads: int) -> dict[str, Render]:
    """The function of each library, which gives two views of each picture, (2n, 3, h, w)."""
    twice, size = torch.cat([pictures, pictures]), pictures.shape[-1]
    kornia, v2 = _kornia(size), _torchvision(size)
    return {
        "twinview": _twinview(pictures),
        "lightly": _lightly(pictures, threads),
        "kornia": lambda: kornia(twice.to(torch.float32) / 255),
        "torchvision": lambda: v2(twice),
    }


def _twinview(pictures: Tensor) -> Render:
    crop = {"random_resized_crop": {"probability": 1.0, "scale": list(SCALE), "ratio": list(RATIO)}}
    jitter = {name: {"probability": 0.8, "strength": value} for name, value in JITTER.items()}
    blur = {"gaussian_blur": {"probability": 0.5, "sigma": list(SIGMA), "kernel": KERNEL}}
    flip, grey = {"horizontal_flip": {"probability": 0.5}}, {"grey": {"probability": 0.2}}
    options: dict[str, dict[str, Any]] = crop | flip | jitter | grey | blur
    render = ViewPlan.from_options(0, list(options), options).renderer(image())
    standardise = image().standardise(Statistics(MEAN, STD))
    twice, ids = torch.cat([pictures, pictures]), torch.arange(len(pictures)).repeat(2)
    numbers = torch.arange(2).repeat_interleave(len(pictures))

    def views() -> Tensor:
        numbers.add_(2)
        x: Tensor = standardise(render(twice, ids, numbers))
        return x

    return views


def _lightly(pictures: Tensor, threads: int) -> Render:
    transform = module("lightly.transforms").SimCLRTransform(
        input_size=pictures.shape[-1], min_scale=SCALE[0], sigmas=SIGMA
    )
    pil = module("PIL.Image")
    images = [pil.fromarray(p.permute(1, 2, 0).contiguous().numpy()) for p in pictures]
    if threads == 1:
        return lambda: torch.stack([view for picture in images for view in transform(picture)])
    # Four passes in one, so that starting a pass costs little; workers persist between passes.
    loader: DataLoader[list[Tensor]] = DataLoader(
        _Transformed(images * 4, transform),
        batch_size=max(1, len(images) // 4),
        num_workers=threads,
        persistent_workers=True,
    )
    return lambda: torch.cat([view for pair in loader for view in pair])


class _Transformed(Dataset[list[Tensor]]):
    def __init__(self, images: list[Any], transform: Callable[[Any], list[Tensor]]) -> None:
        self._images, self._transform = images, transform

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, row: int) -> list[Tensor]:
        return self._transform(self._images[row])


def _kornia(size: int) -> Callable[[Tensor], Tensor]:
    kornia = module("kornia.augmentation")
    window = _window(size)
    return torch.nn.Sequential(
        kornia.RandomResizedCrop((size, size), scale=SCALE, ratio=RATIO),
        kornia.RandomHorizontalFlip(p=0.5),
        kornia.ColorJitter(*JITTER.values(), p=0.8),
        kornia.RandomGrayscale(p=0.2),
        kornia.RandomGaussianBlur((window, window), SIGMA, p=0.5),
        kornia.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
    )


def _torchvision(size: int) -> Callable[[Tensor], Tensor]:
    v2 = module("torchvision.transforms.v2")
    chain: Callable[[Tensor], Tensor] = v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=SCALE, ratio=RATIO, antialias=True),
            v2.RandomHorizontalFlip(0.5),
            v2.RandomApply([v2.ColorJitter(*JITTER.values())], p=0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([v2.GaussianBlur(_window(size), SIGMA)], p=0.5),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    return chain


def _window(size: int) -> int:
    """The blur's window in pixels, computed from the side as twinview does."""
    return 2 * max(1, int(KERNEL * size) // 2) + 1


def _pictures(size: int) -> Tensor:
    """Pictures of smooth colours with some noise: (n, 3, size, size) uint8."""
    generator = torch.Generator().manual_seed(0)
    count = min(256, max(16, _PIXELS // size**2))
    coarse = torch.rand(count, 3, 7, 7, generator=generator)
    smooth = F.interpolate(coarse, (size, size), mode="bilinear")
    noise = 0.1 * torch.rand(smooth.shape, generator=generator)
    return (255 * (0.9 * smooth + noise)).to(torch.uint8)


def _rates(libraries: dict[str, Render], rounds: int, min_s: float) -> dict[str, list[float]]:
    """The views per second in each round, after one round that does not count."""
    rates: dict[str, list[float]] = {name: [] for name in libraries}
    for number in range(rounds + 1):
        for name, render in libraries.items():
            views, start = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - start) < min_s or not views:
                views += len(render())
            if number:
                rates[name].append(views / elapsed)
    return rates


def _versions() -> dict[str, str]:
    return {
        name: module(name).__version__ for name in ("torch", "torchvision", "lightly", "kornia")
    }


if __name__ == "__main__":
    show(measure())
