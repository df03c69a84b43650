"""Views a second of SimCLR's colour chain, beside lightly, kornia and torchvision's v2.

All get the same uint8 RGB pictures in memory and end in standardised float32 views, an encoder's
input. All draw: a resized crop, a flip (.5), brightness, contrast, saturation and hue (.8), grey
(.2) and a Gaussian blur (.5). They differ in this, and none of it favours twinview:

- twinview rounds its views to bytes, as it stores them, and standardises after that; each of its
  four jitters has its own .8, where the others draw once for all four: as many in the mean.
- lightly works as its users have it: on PIL images, here made beforehand, one after another. PIL's
  blur is three box filters for any sigma. Two threads become two workers of a DataLoader.
- torchvision's v2 draws one set of numbers for a whole batch, and so does the same work on all.
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
_PIXELS = 600_000  # a batch has about as many, within 16 and 256 pictures

Render = Callable[[], Tensor]


def measure(
    sizes: Sequence[int] = (28, 96, 224),
    threads: Sequence[int] = (1, 2),
    rounds: int = 7,
    min_s: float = 0.15,
) -> dict[str, Any]:
    """Views a second of each library, and twinview's rate over each other's: median, low and high.

    Every round times all libraries one after another, each for at least min_s seconds, and gives
    one ratio. Keys: views_96.kornia, views_96.vs_kornia; views_96_threads_2.vs_kornia with more.
    Raises ConfigError when a library is not installed.
    """
    results: dict[str, Any] = {"versions": _versions()}
    for count in threads:
        with torch_threads(count):
            devices.set_threads(count)  # as trainings do: freed memory is kept, by all contenders
            for size in sizes:
                prefix = f"views_{size}" + (f"_threads_{count}" if count > 1 else "")
                rates = _rates(_contenders(_pictures(size), count), rounds, min_s)
                results |= {f"{prefix}.{name}": spread(own) for name, own in rates.items()}
                ours = rates.pop("twinview")
                for name, own in rates.items():
                    ratios = [a / b for a, b in zip(ours, own, strict=True)]
                    results[f"{prefix}.vs_{name}"] = spread(ratios)
    return results


def _contenders(pictures: Tensor, threads: int) -> dict[str, Render]:
    """Each library's function: two views of each picture, (2n, 3, h, w)."""
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
    jitter = {name: {"probability": 0.8, "strength": most} for name, most in JITTER.items()}
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
    # Four passes, so that starting a pass counts little; workers live on between passes.
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

    def __getitem__(self, place: int) -> list[Tensor]:
        return self._transform(self._images[place])


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
    """The blur's window in pixels, as twinview makes it of the side."""
    return 2 * max(1, int(KERNEL * size) // 2) + 1


def _pictures(size: int) -> Tensor:
    """Smooth colours with some noise: (n, 3, size, size) uint8."""
    source = torch.Generator().manual_seed(0)
    count = min(256, max(16, _PIXELS // size**2))
    coarse = torch.rand(count, 3, 7, 7, generator=source)
    smooth = F.interpolate(coarse, (size, size), mode="bilinear")
    noise = 0.1 * torch.rand(smooth.shape, generator=source)
    return (255 * (0.9 * smooth + noise)).to(torch.uint8)


def _rates(contenders: dict[str, Render], rounds: int, min_s: float) -> dict[str, list[float]]:
    """Views a second in each round, after one that does not count."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, render in contenders.items():
            views, start = 0, time.perf_counter()
            while (passed := time.perf_counter() - start) < min_s or not views:
                views += len(render())
            if number:
                rates[name].append(views / passed)
    return rates


def _versions() -> dict[str, str]:
    return {
        name: module(name).__version__ for name in ("torch", "torchvision", "lightly", "kornia")
    }


if __name__ == "__main__":
    show(measure())
