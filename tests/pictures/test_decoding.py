"""Files decoded by worker processes: in order, in bounded memory, and a lost worker is told."""

from collections import deque
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinview.core.errors import ProcessLostError
from twinview.core.reading import DEFAULT, Reading
from twinview.pictures import decoding, decoding_pool
from twinview.pictures.decoding import Facts, count_blocks, decode_files
from twinview.pictures.files import LeftOut

GREY = (1, 2, 3)


def save_greys(folder: Path, count: int) -> list[str]:
    """Pictures of one grey each, by their numbers; the third is broken."""
    names = [f"{number:03}.png" for number in range(count)]
    for number, name in enumerate(names):
        Image.new("L", (3, 2), number % 256).save(folder / name)
    (folder / names[2]).write_text("broken")
    return names


def test_a_block_has_all_names_and_the_pixels_of_those_that_can_be_read(tmp_path: Path) -> None:
    names = save_greys(tmp_path, 40)
    first, second = decode_files(tmp_path, names, GREY, DEFAULT, workers=1)
    assert first.names + second.names == tuple(names) and count_blocks(names) == 2
    assert first.pixels.shape == (31, *GREY) and first.pixels.dtype == np.uint8
    assert first.pixels[:, 0, 0, 0].tolist() == [n for n in range(32) if n != 2]
    assert second.pixels[:, 0, 0, 0].tolist() == list(range(32, 40))
    assert isinstance(first.outcomes[2], LeftOut) and first.outcomes[3] == Facts((), ())


def test_the_reading_decides_the_pixels(tmp_path: Path) -> None:
    Image.new("LA", (3, 2), (0, 0)).save(tmp_path / "clear.png")
    reading = Reading(background=(255, 255, 255))
    [block] = decode_files(tmp_path, ["clear.png"], GREY, reading, workers=1)
    assert block.pixels.min() == 255


def test_a_block_of_broken_files_alone_has_no_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("broken")
    [block] = decode_files(tmp_path, ["a.png"], GREY, DEFAULT, workers=1)
    assert block.pixels.shape == (0, *GREY)


@pytest.mark.slow
def test_worker_processes_give_what_this_process_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = save_greys(tmp_path, 300)
    by_workers = list(decode_files(tmp_path, names, GREY, DEFAULT, workers=2))
    monkeypatch.setattr(decoding, "_FEW", 300)
    for one, other in zip(
        by_workers, decode_files(tmp_path, names, GREY, DEFAULT, workers=2), strict=True
    ):
        assert (one.names, one.outcomes) == (other.names, other.outcomes)
        assert np.array_equal(one.pixels, other.pixels)


class Pool:
    """Works when a result is asked for, and records how many tasks wait."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.given, self.cancelled = error, 0, False

    def submit(self, job: Any, task: Any) -> Future[Any]:
        self.given += 1
        future: Future[Any] = Future()
        if self.error:
            future.set_exception(self.error)
        else:
            future.set_result(job(task))
        return future

    def shutdown(self, cancel_futures: bool) -> None:
        self.cancelled = cancel_futures


def test_no_more_is_decoded_ahead_than_memory_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, pool = save_greys(tmp_path, 3) * 200, Pool()
    monkeypatch.setattr(decoding_pool, "start", lambda workers, module: pool)
    monkeypatch.setattr(decoding, "_BYTES_AHEAD", 7 * 32 * 6)  # seven blocks of pictures of 6 bytes
    blocks = decode_files(tmp_path, names, GREY, DEFAULT, workers=2)
    for taken in range(1, 8):
        next(blocks)
        assert pool.given == taken + 7
    assert len(deque(blocks)) == count_blocks(names) - 7
    assert pool.given == count_blocks(names) and pool.cancelled


def test_a_worker_that_has_ended_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, pool = save_greys(tmp_path, 300), Pool(BrokenProcessPool())
    monkeypatch.setattr(decoding_pool, "start", lambda workers, module: pool)
    with pytest.raises(ProcessLostError, match=r"between the files 000\.png .*; lower --workers"):
        list(decode_files(tmp_path, names, GREY, DEFAULT, workers=2))
    assert pool.cancelled
