"""The store of decoded pictures: each file is decoded once, and the store is whole after a kill."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.support import commands
from tests.support.stored import SHAPE, stamps
from tests.support.workspace import ROOT
from twinview.core.errors import BusyError, DataError
from twinview.core.reading import DEFAULT, Reading
from twinview.pictures import decoded_store, decoding_processes
from twinview.pictures.decoded_store import Decoded, decode_files
from twinview.pictures.files import LeftOut, read_picture
from twinview.stages import imports

Progress = Callable[[Iterable[Any], int, str], Iterator[Any]]


def silent(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    return iter(items)


def draw(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures, one of them below, and a broken one."""
    (tmp_path / "pictures/below").mkdir(parents=True)
    for seed in range(11):
        draw(tmp_path / f"pictures/{seed:02}.png", seed)
    draw(tmp_path / "pictures/below/ä.bmp", 11)
    (tmp_path / "pictures/05b.jpg").write_bytes(b"\xff\xd8\xffno more")
    return tmp_path / "pictures"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of four files, chunks of two and blocks of three, so that there are several."""
    monkeypatch.setattr(decoded_store, "_SHARD_FILES", 4)
    monkeypatch.setattr(decoding_processes, "_FILES", 2)
    monkeypatch.setattr(decoded_store, "_BLOCK_BYTES", 3 * 8 * 6 * 3)


def decode(
    folder: Path,
    files: Mapping[str, tuple[int, int]] | None = None,
    reading: Reading = DEFAULT,
    workers: int = 1,
    progress: Progress = silent,
) -> Decoded:
    return decode_files(
        folder,
        stamps(folder) if files is None else files,
        SHAPE,
        reading,
        store=folder.parent / "store",
        workers=workers,
        progress=progress,
    )


def pictures(decoded: Decoded) -> list[str]:
    return [path for path, row in decoded.rows.items() if isinstance(row, int)]


def pixels(decoded: Decoded) -> Tensor:
    return torch.cat(list(decoded.read(pictures(decoded))))


def decoded_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that gets the name of each file that is decoded from now on, in this process."""
    names: list[str] = []
    read = decoding_processes.read_or_leave_out

    def record(path: Path, *rest: Any) -> Any:
        names.append(path.name)
        return read(path, *rest)

    monkeypatch.setattr(decoding_processes, "read_or_leave_out", record)
    return names


def shards(folder: Path) -> dict[str, bytes]:
    kept = (".uint8", ".parquet")
    return {
        p.name: p.read_bytes() for p in (folder.parent / "store").rglob("*") if p.suffix in kept
    }


def test_each_picture_is_the_one_that_is_read_alone(folder: Path) -> None:
    decoded = decode(folder)
    asked = pictures(decoded)[::-1]
    blocks = list(decoded.read(asked))
    assert [len(block) for block in blocks] == [3, 3, 3, 3]
    alone = [read_picture(folder / path, SHAPE) for path in asked]
    assert torch.equal(torch.cat(blocks), torch.stack([picture.pixels for picture in alone]))
    for path, picture in zip(asked, alone, strict=True):
        info = decoded.info(path)
        assert all(getattr(picture, name) == value for name, value in info._asdict().items())


def test_rows_stand_in_the_order_of_the_files_and_say_what_is_left_out(folder: Path) -> None:
    files = stamps(folder)
    rows = decode(folder).rows
    assert list(rows) == list(files)
    assert rows["05b.jpg"] == LeftOut("broken", "is broken (no marker found)")
    assert sorted(row for row in rows.values() if isinstance(row, int)) == list(range(12))


def test_a_second_run_decodes_nothing_not_even_what_is_broken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = decode(folder)
    names = decoded_paths(monkeypatch)
    second = decode(folder)
    assert names == []
    assert torch.equal(pixels(first), pixels(second))
    assert [first.info(p) for p in pictures(first)] == [second.info(p) for p in pictures(first)]
    assert second.rows["05b.jpg"] == first.rows["05b.jpg"]


def test_added_and_changed_files_are_decoded_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode(folder)
    draw(folder / "20.png", 20)
    os.utime(folder / "03.png", ns=(1, 1))
    (folder / "04.png").unlink()
    names = decoded_paths(monkeypatch)
    decoded = decode(folder)
    assert names == ["03.png", "20.png"]
    alone = [read_picture(folder / path, SHAPE).pixels for path in pictures(decoded)]
    assert torch.equal(pixels(decoded), torch.stack(alone))


def test_the_store_is_equal_to_the_byte_for_any_number_of_workers(folder: Path) -> None:
    expected = pixels(decode(folder))
    alone = shards(folder)
    for file in (folder.parent / "store").glob("*/*"):
        file.unlink()
    assert torch.equal(pixels(decode(folder, workers=3)), expected)
    assert shards(folder) == alone and len(alone) == 8


def test_another_reading_another_shape_and_another_folder_have_other_stores(folder: Path) -> None:
    transparent = Image.new("RGBA", (6, 8), (0, 0, 0, 0))
    transparent.save(folder / "transparent.png")
    on_black, on_red = (
        decode(folder, reading=Reading(background=colour)) for colour in ((0, 0, 0), (255, 0, 0))
    )
    for decoded, colour in ((on_black, 0), (on_red, 255)):
        (block,) = decoded.read(["transparent.png"])
        assert block[0, :, 0, 0].tolist() == [colour, 0, 0]


def test_equal_paths_sizes_and_times_of_two_folders_are_not_mistaken(folder: Path) -> None:
    other = folder.parent / "other"
    other.mkdir()
    for place, value in ((folder, 1), (other, 2)):
        Image.new("RGB", (6, 8), (value, 0, 0)).save(place / "x.bmp")
        os.utime(place / "x.bmp", ns=(0, 0))
    for place, value in ((folder, 1), (other, 2)):
        (block,) = decode(place, {"x.bmp": stamps(place)["x.bmp"]}).read(["x.bmp"])
        assert block[0, 0, 0, 0] == value


def test_a_shard_goes_when_none_of_its_files_is_left(folder: Path) -> None:
    decode(folder)
    before = shards(folder)
    for name in ("00.png", "01.png", "02.png"):
        (folder / name).unlink()
    decode(folder)
    assert shards(folder) == before
    (folder / "03.png").unlink()
    decode(folder)
    assert len(shards(folder)) == len(before) - 2


def test_a_damaged_shard_is_decoded_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = pixels(decode(folder))
    shards_of_pixels = (folder.parent / "store").rglob("*.uint8")
    damaged = max(shards_of_pixels, key=lambda shard: shard.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[5] ^= 1
    damaged.write_bytes(content)
    names = decoded_paths(monkeypatch)
    assert torch.equal(pixels(decode(folder)), expected)
    assert len(names) == 4


def test_what_changes_or_goes_while_the_folder_is_read_is_left_out_and_not_remembered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = stamps(folder)
    read = decoding_processes.read_or_leave_out

    def spoil(path: Path, *rest: Any) -> Any:
        picture = read(path, *rest)
        if path.name == "02.png":
            draw(path, 77)
            os.utime(path, ns=(5, 5))
        return picture

    with monkeypatch.context() as patch:
        patch.setattr(decoding_processes, "read_or_leave_out", spoil)
        (folder / "04.png").rename(folder / "away")
        rows = decode(folder, files).rows
    reasons = {row.reason for row in (rows["02.png"], rows["04.png"]) if isinstance(row, LeftOut)}
    assert reasons == {"changed while the folder was read", "gone while the folder was read"}
    (folder / "away").rename(folder / "04.png")
    again = decode(folder, files | {"02.png": stamps(folder)["02.png"]})
    assert isinstance(again.rows["04.png"], int) and isinstance(again.rows["02.png"], int)


def test_a_disk_that_fails_for_a_moment_breaks_no_picture(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("twinview.pictures.files.decode", fail)
        rows = decode(folder).rows
    assert set(rows.values()) == {
        LeftOut("cannot be opened", "cannot be read (Input/output error)", passing=True)
    }
    assert len(pictures(decode(folder))) == 12


def test_a_full_disk_keeps_what_was_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def fill(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        for item in items:
            if len(done) == 9:
                raise OSError(errno.ENOSPC, "No space left on device")
            done.append(1)
            yield item

    with pytest.raises(BusyError, match="its disk is full"):
        decode(folder, progress=fill)
    names = decoded_paths(monkeypatch)
    assert len(pictures(decode(folder))) == 12
    assert len(names) == 13 - 8


def test_a_disk_without_room_is_refused_before_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "shutil.disk_usage", lambda path: type("Usage", (), {"free": 13 * 8 * 6 * 3 - 1})
    )
    names = decoded_paths(monkeypatch)
    with pytest.raises(BusyError, match="or lower data"):
        decode(folder)
    assert names == []


def test_a_store_that_is_deleted_while_it_is_read_is_named(folder: Path) -> None:
    decoded = decode(folder)
    for file in (folder.parent / "store").glob("*/*.uint8"):
        file.unlink()
    with pytest.raises(DataError, match="twinview clean decoded"):
        list(decoded.read(["00.png"]))


SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from tests.support.stored import SHAPE, stamps
from twinview.pictures import decoded_store, decoding_processes
from twinview.pictures.decoded_store import decode_files

def progress(items, total, what):
    for number, item in enumerate(items):
        if number == 9:
            print("nine", flush=True)
            if sys.argv[2] == "worker":
                import multiprocessing
                for process in multiprocessing.active_children():
                    os.kill(process.pid, signal.SIGKILL)
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        yield item

if __name__ == "__main__":
    decoded_store._SHARD_FILES = 4
    decoding_processes._FILES, decoding_processes._CHUNKS_A_WORKER = 1, 1
    folder = Path(sys.argv[1])
    decode_files(folder, stamps(folder), SHAPE, store=folder.parent / "store",
                 workers=2, progress=progress)
"""


def run_script(folder: Path, victim: str) -> subprocess.CompletedProcess[str]:
    script = folder.parent / "script.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    environment["STORE_TEST"] = str(script)
    return commands.run(sys.executable, script, folder, victim, env=environment)


def test_a_kill_loses_one_shard_at_most_and_leaves_no_worker(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = run_script(folder, "parent")
    assert finished.returncode == -signal.SIGKILL, finished.stderr
    await_end_of_workers(str(folder.parent / "script.py"))
    assert list((folder.parent / "store").glob("*/.*.part"))
    names = decoded_paths(monkeypatch)
    decoded = decode(folder)
    assert len(names) == 13 - 8
    alone = [read_picture(folder / path, SHAPE).pixels for path in pictures(decoded)]
    assert torch.equal(pixels(decoded), torch.stack(alone))
    assert not list((folder.parent / "store").glob("*/.*.part"))


def await_end_of_workers(parent_marker: str) -> None:
    """Waits until no process that the script started is left; fails after a minute."""
    for _ in range(600):
        if not [p for p in psutil.process_iter(["environ"]) if is_of(p, parent_marker)]:
            return
        time.sleep(0.1)
    pytest.fail("workers outlive the process that started them")


def is_of(process: psutil.Process, marker: str) -> bool:
    return (process.info["environ"] or {}).get("STORE_TEST") == marker


def test_a_killed_worker_is_an_error_that_names_files(folder: Path) -> None:
    finished = run_script(folder, "worker")
    assert finished.returncode == 1
    assert "was killed between the files" in finished.stderr.splitlines()[-1]


def test_the_recipe_counts_all_code_that_makes_pixels() -> None:
    package = Path("src/twinview/pictures")
    loaded = imports.dependencies([package / "files.py"], ROOT)
    assert {path.stem for path in loaded if path.parent == package} == set(decoded_store.CODE)
