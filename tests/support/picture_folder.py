"""A folder of small pictures of the user, with files that are left out."""

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"blue": (20, 30, 200), "green": (30, 180, 40), "red": (200, 20, 30)}


def write_pictures(folder: Path, each: int = 20, side: int = 24) -> None:
    """Writes `each` noisy pictures of every colour into a folder that is named by the colour."""
    random = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for number in range(each):
            noise = random.integers(-20, 21, (side, side + number % 5, 3))
            pixels = (np.array(colour) + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")


def write_litter(folder: Path) -> dict[str, str]:
    """Adds files that cannot be read; returns the reason why each is left out, by path."""
    (folder / "red" / "torn.png").write_bytes((folder / "red" / "0.png").read_bytes()[:60])
    (folder / "red" / "empty.jpg").touch()
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "0.png").write_bytes((folder / "red" / "0.png").read_bytes())
    return {
        "red/torn.png": "broken",
        "red/empty.jpg": "empty",
        "notes.txt": "no picture",
        ".hidden": "hidden or a system's",
    }
