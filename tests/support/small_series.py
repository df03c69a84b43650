"""Small recordings that classes can be told apart by: waves of a frequency of each class."""

import csv
import math
import random
from pathlib import Path

CLASSES = {"slow": 1, "even": 3, "fast": 7}  # waves in 40 steps


def rows(recordings: int, steps: int) -> list[dict[str, str]]:
    """The steps of recordings of two channels, of which each tenth value of one is missing."""
    drawn, found = random.Random(0), []
    for number in range(recordings):
        name = list(CLASSES)[number % len(CLASSES)]
        phase = drawn.uniform(0, 2 * math.pi)
        for step in range(steps):
            angle = phase + 2 * math.pi * CLASSES[name] * step / 40
            value = math.sin(angle) + drawn.gauss(0, 0.1)
            found.append(
                {
                    "series": f"s{number}",
                    "time": f"{step / 10:.1f}",
                    "a": f"{value:.4f}",
                    "b": "" if step % 10 == 3 else f"{9 + math.cos(angle):.4f}",
                    "label": name,
                    "group": f"p{number // 3}",
                }
            )
    return found


def write_csv(path: Path, recordings: int, steps: int) -> Path:
    """A CSV file of such rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["series", "time", "a", "b", "label", "group"])
        writer.writeheader()
        writer.writerows(rows(recordings, steps))
    return path
