"""Small texts that classes can be told apart by: words of a class among words of all."""

import csv
import random
from pathlib import Path

CLASSES = {
    "animals": ["cat", "dog", "horse", "cow", "bird", "fish", "goat", "wolf", "bear", "mouse"],
    "plants": ["tree", "flower", "grass", "moss", "fern", "rose", "oak", "pine", "leaf", "seed"],
    "tools": ["hammer", "saw", "drill", "knife", "axe", "spade", "rake", "pliers", "nail", "screw"],
}
COMMON = ["the", "a", "of", "with", "near", "under", "over", "small", "large", "old", "new"]


def rows(n: int, seed: int = 0) -> list[dict[str, str]]:
    """n rows with a title, a body of other words, and a class; the classes take turns."""
    drawn = random.Random(seed)
    names, found = list(CLASSES), []
    for number in range(n):
        name = names[number % len(names)]
        title = drawn.sample(CLASSES[name], 3) + drawn.sample(COMMON, 2)
        body = drawn.sample(CLASSES[name], 4) + drawn.sample(COMMON, 4)
        drawn.shuffle(body)
        text = {"title": " ".join(title), "body": " ".join(body)}
        found.append({"id": str(number), **text, "label": name})
    return found


def write_csv(path: Path, n: int) -> Path:
    """A CSV file of such rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "title", "body", "label"])
        writer.writeheader()
        writer.writerows(rows(n))
    return path
