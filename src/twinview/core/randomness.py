"""Named independent random numbers: generators for sequences, Draws for single examples."""

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

# How many uniform numbers of each sequence a chain draws ahead: who is chosen, and a crop's four.
_READY = 5


def generator(seed: int, name: str) -> torch.Generator:
    """A CPU generator of its own for each (seed, name): drawing from one never moves another."""
    return torch.Generator().manual_seed(derive_seed(seed, name))


@contextlib.contextmanager
def torch_seeded(seed: int, name: str) -> Iterator[None]:
    """Seeds what draws from PyTorch's global generator (first weights), then restores it."""
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, name))
        yield


class Draws:
    """Random numbers of n examples, computed from (seed, example id, view number, place).

    Each call takes the next numbers of every example's own sequence, so what an example draws
    never depends on the batch it is in, on the order, or on the number of workers.
    """

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys
        self._drawn = 0
        self._ready: Tensor | None = None

    @classmethod
    def for_examples(cls, seed: int, ids: Tensor, views: Tensor, place: int) -> "Draws":
        """ids, views: (n,) int64; place: the position in the chain."""
        return cls(_keys(seed, ids, views, torch.full_like(ids, place)))

    @classmethod
    def chain(cls, seed: int, ids: Tensor, views: Tensor, length: int) -> list["Draws"]:
        """What `of` gives for each place from 0 on, computed together: a fifth of the time."""
        places = torch.arange(length, dtype=torch.int64, device=ids.device)
        together = cls(_keys(seed, ids, views, places[:, None]).flatten())
        numbers = together.uniform(_READY).reshape(length, len(ids), _READY)
        links = [cls(keys) for keys in together.keys.reshape(length, len(ids))]
        for draws, ready in zip(links, numbers, strict=True):
            draws._ready = ready
        return links

    def select(self, chosen: Tensor) -> "Draws":
        """The same sequences, of the chosen examples only."""
        rows = Draws(self.keys.index_select(0, chosen))
        rows._drawn = self._drawn
        if self._ready is not None:
            rows._ready = self._ready.index_select(0, chosen)
        return rows

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(n, *shape) float32, uniform in [low, high], in steps of 2**-24 of the range."""
        first, count = self._drawn, math.prod(shape)
        if self._ready is not None and first + count <= _READY:
            self._drawn += count
            unit = self._ready.narrow(1, first, count)
        else:
            unit = _unit(self._next(count) >> 40)
        ranged = unit if (low, high) == (0, 1) else low + (high - low) * unit
        return ranged.reshape(len(self.keys), *shape)

    def normal(self, *shape: int) -> Tensor:
        """(n, *shape) float32, standard normal (Box-Muller: two from one 64-bit number)."""
        count = math.prod(shape)
        bits = self._next((count + 1) // 2)
        radius = (-2 * torch.log1p(-_unit(bits >> 40))).sqrt()
        angle = _unit(bits) * (2 * math.pi)
        pairs = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
        return pairs[:, :count].reshape(len(self.keys), *shape)

    def permutation(self, length: int) -> Tensor:
        """(n, length) int64: one random order of range(length) an example."""
        return self._next(length).argsort(dim=1, stable=True)

    def _next(self, count: int) -> Tensor:
        places = torch.arange(
            self._drawn + 1, self._drawn + count + 1, dtype=torch.int64, device=self.keys.device
        )
        self._drawn += count
        return _mix(self.keys[:, None] + places * _GAMMA)


def _keys(seed: int, ids: Tensor, views: Tensor, places: Tensor) -> Tensor:
    """The keys of sequences; places: (n,), or (k, 1) for keys of shape (k, n)."""
    keys = torch.full_like(ids, derive_seed(seed, "draws"))
    for part in (ids, views, places):
        keys = _mix(keys + part * _GAMMA)
    return keys


def _unit(bits: Tensor) -> Tensor:
    """The lowest 24 bits as float32 in [0, 1): every value is exact."""
    return (bits & 0xFFFFFF).to(torch.float32) / 2**24


def _mix(x: Tensor) -> Tensor:
    x = _shift(x, 30).bitwise_xor_(x).mul_(_MIX_1)
    x = _shift(x, 27).bitwise_xor_(x).mul_(_MIX_2)
    return _shift(x, 31).bitwise_xor_(x)


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of signed 64-bit integers (torch's own keeps the sign), a new tensor."""
    return (x >> bits).bitwise_and_((1 << 64 - bits) - 1)


def derive_seed(seed: int, name: str) -> int:
    """A seed of its own, of 64 bits, for each (seed, name)."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
