"""Independent random numbers by name: generators for sequences, and Draws for single examples."""

import contextlib
import hashlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor

# SplitMix64 (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195), as signed 64-bit constants.
_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64

# How many uniform numbers of each sequence a chain computes ahead: the one that decides whether
# the example is augmented, and the four of a crop.
_PRECOMPUTED = 5


def generator(seed: int, name: str) -> torch.Generator:
    """A CPU generator for the name. Drawing from one generator never changes another."""
    return torch.Generator().manual_seed(derive_seed(seed, name))


@contextlib.contextmanager
def torch_seeded(seed: int, name: str) -> Iterator[None]:
    """Seeds PyTorch's global generator inside the block, and restores its state afterwards.

    Initial weights are drawn from that generator.
    """
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, name))
        yield


class Draws:
    """The random numbers of n examples, computed from seed, example id, view number and position.

    Each call takes the next numbers of every example's own sequence. So the numbers of an example
    never depend on its batch, on the order, or on the number of workers.
    """

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys
        self._drawn = 0
        self._precomputed: Tensor | None = None

    @classmethod
    def for_examples(cls, seed: int, ids: Tensor, views: Tensor, position: int) -> "Draws":
        """The draws of one augmentation.

        Parameters
        ----------
        seed : the seed of all views.
        ids, views : (n,) int64, the examples' ids and the numbers of their views.
        position : the position of the augmentation in the chain, from 0.
        """
        return cls(_keys(seed, ids, views, torch.full_like(ids, position)))

    @classmethod
    def chain(cls, seed: int, ids: Tensor, views: Tensor, length: int) -> list["Draws"]:
        """The draws of all positions of a chain, computed together in a fifth of the time.

        They equal those of `for_examples` for the positions 0 to length - 1.
        """
        positions = torch.arange(length, dtype=torch.int64, device=ids.device)
        together = cls(_keys(seed, ids, views, positions[:, None]).flatten())
        numbers = together.uniform(_PRECOMPUTED).reshape(length, len(ids), _PRECOMPUTED)
        links = [cls(keys) for keys in together.keys.reshape(length, len(ids))]
        for draws, precomputed in zip(links, numbers, strict=True):
            draws._precomputed = precomputed
        return links

    def select(self, chosen: Tensor) -> "Draws":
        """The same sequences, of the chosen examples (k,) only."""
        rows = Draws(self.keys.index_select(0, chosen))
        rows._drawn = self._drawn
        if self._precomputed is not None:
            rows._precomputed = self._precomputed.index_select(0, chosen)
        return rows

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Numbers (n, *shape) float32, uniform in [low, high], in steps of 2**-24 of the range."""
        first, count = self._drawn, math.prod(shape)
        if self._precomputed is not None and first + count <= _PRECOMPUTED:
            self._drawn += count
            unit = self._precomputed.narrow(1, first, count)
        else:
            unit = _unit(self._next(count) >> 40)
        ranged = unit if (low, high) == (0, 1) else low + (high - low) * unit
        return ranged.reshape(len(self.keys), *shape)

    def normal(self, *shape: int) -> Tensor:
        """Numbers (n, *shape) float32 of the standard normal distribution.

        The Box-Muller transform makes two of them from one 64-bit number.
        """
        count = math.prod(shape)
        bits = self._next((count + 1) // 2)
        radius = (-2 * torch.log1p(-_unit(bits >> 40))).sqrt()
        angle = _unit(bits) * (2 * math.pi)
        pairs = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
        return pairs[:, :count].reshape(len(self.keys), *shape)

    def permutation(self, length: int) -> Tensor:
        """One random order of range(length) for each example: (n, length) int64."""
        return self._next(length).argsort(dim=1, stable=True)

    def _next(self, count: int) -> Tensor:
        """The next 64-bit numbers (n, count) of each sequence."""
        counters = torch.arange(
            self._drawn + 1, self._drawn + count + 1, dtype=torch.int64, device=self.keys.device
        )
        self._drawn += count
        return _mix(self.keys[:, None] + counters * _GAMMA)


def _keys(seed: int, ids: Tensor, views: Tensor, positions: Tensor) -> Tensor:
    """The keys of sequences: (n,) for positions (n,), and (k, n) for positions (k, 1)."""
    keys = torch.full_like(ids, derive_seed(seed, "draws"))
    for part in (ids, views, positions):
        keys = _mix(keys + part * _GAMMA)
    return keys


def _unit(bits: Tensor) -> Tensor:
    """The lowest 24 bits as float32 in [0, 1), where every value is exact."""
    return (bits & 0xFFFFFF).to(torch.float32) / 2**24


def _mix(x: Tensor) -> Tensor:
    """SplitMix64's mixing function."""
    x = _shift(x, 30).bitwise_xor_(x).mul_(_MIX_1)
    x = _shift(x, 27).bitwise_xor_(x).mul_(_MIX_2)
    return _shift(x, 31).bitwise_xor_(x)


def _shift(x: Tensor, bits: int) -> Tensor:
    """The logical right shift of signed 64-bit integers, a new tensor; torch's keeps the sign."""
    return (x >> bits).bitwise_and_((1 << 64 - bits) - 1)


def derive_seed(seed: int, name: str) -> int:
    """A 64-bit seed for the name; seeds of different names are independent."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
