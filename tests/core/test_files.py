"""Files are whole or absent, and what is broken is named."""

import hashlib
import json
import math
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.support.file_limit import room_for
from twinview.core import csv_files, files
from twinview.core.errors import BusyError, DataError, describe
from twinview.core.files import atomic_file, atomic_folder
from twinview.core.tensor_files import load_tensors, save_tensors


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupted(path: Path) -> None:
    path.write_text("half")
    raise KeyboardInterrupt


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "deep/er/a.txt") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "deep/er/a.txt").exists()
    assert names(tmp_path / "deep/er") == ["a.txt"]


def test_an_error_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "a.txt") as temporary:
        interrupted(temporary)
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_an_error_before_the_first_byte_is_the_error_that_is_seen(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_file(tmp_path / "a.txt"):
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "deep/views") as temporary:
        (temporary / "a").touch()
        assert not (tmp_path / "deep/views").exists()
    assert names(tmp_path / "deep") == ["views"] and names(tmp_path / "deep/views") == ["a"]


def test_a_new_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with atomic_folder(tmp_path / "views") as temporary:
            (temporary / name).touch()
    assert names(tmp_path) == ["views"] and names(tmp_path / "views") == ["new"]


def test_an_error_leaves_the_old_folder_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "views").mkdir()
    (tmp_path / "views/old").touch()
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "views") as temporary:
        interrupted(temporary / "half")
    assert names(tmp_path) == ["views"] and names(tmp_path / "views") == ["old"]


def write_tensors(folder: Path) -> None:
    save_tensors(folder / "a.safetensors", {"zeros": torch.zeros(3_000_000)})


def write_text(folder: Path) -> None:
    with atomic_file(folder / "a.safetensors") as temporary:
        temporary.write_bytes(bytes(3_000_000))


def write_folder(folder: Path) -> None:
    with atomic_folder(folder / "a.safetensors") as temporary:
        np.save(temporary / "zeros.npy", np.zeros(3_000_000))


@pytest.mark.parametrize("write", [write_tensors, write_text, write_folder])
def test_a_file_at_its_limit_is_named_and_damages_nothing(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    (tmp_path / "a.safetensors").mkdir()
    (tmp_path / "a.safetensors/old").touch()
    with pytest.raises(BusyError) as caught, room_for(2_000_000):
        write(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/a.safetensors could not be written: a file must not grow so large here. "
        "What was there before is whole; raise the limit (`ulimit -f`), and run this again"
    )
    assert names(tmp_path) == ["a.safetensors"] and names(tmp_path / "a.safetensors") == ["old"]


def test_a_full_disk_is_named_with_the_room_that_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))

    def fill(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep/b").write_bytes(bytes(2_000_000))
        Path("/dev/full").write_text("no room")

    with pytest.raises(BusyError) as caught, atomic_folder(tmp_path / "a") as temporary:
        fill(temporary)
    assert str(caught.value) == (
        f"{tmp_path}/a could not be written: its disk is full (there was room for 2 MB; 0 MB are "
        "free). What was there before is whole; make room (`twinview clean` says what can go), and "
        "run this again"
    )


def test_where_a_folder_lies_in_place_of_a_file_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(IsADirectoryError) as caught, atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert describe(caught.value).startswith(f"{tmp_path}/a.txt: Is a directory; a folder lies")


def test_where_a_file_lies_in_place_of_a_folder_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    for write in (atomic_folder(tmp_path / "a"), atomic_file(tmp_path / "a/b")):
        with pytest.raises((NotADirectoryError, FileExistsError)) as caught, write:
            pass
        assert describe(caught.value).startswith(f"{tmp_path}/a: ")
        assert "; a file lies where a folder should be; move it away" in describe(caught.value)


def test_another_error_of_the_system_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "a"):
        (tmp_path / "b").read_text()


def test_others_may_read_the_tensors(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a.safetensors", {"one": torch.ones(1)})
    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) == 0o644


def test_others_may_read_the_folder(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "views"):
        pass
    assert stat.S_IMODE((tmp_path / "views").stat().st_mode) == 0o755


def test_json_keeps_the_order_and_every_digit(tmp_path: Path) -> None:
    value = {"b": 0.1 + 0.2, "a": [1, None, "ü"]}
    files.save_json(tmp_path / "a.json", value)
    assert files.load_json(tmp_path / "a.json") == value
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["b", "a"]


def test_json_that_others_could_not_read_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.save_json(tmp_path / "a.json", {"loss": math.nan})
    assert names(tmp_path) == []


def test_missing_json_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.json is missing; `dvc repro` makes it"):
        files.load_json(tmp_path / "a.json")


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe"])
def test_broken_json_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json is not valid JSON .* delete it"):
        files.load_json(tmp_path / "a.json")


def test_flat_gives_the_leaves_by_their_path() -> None:
    tree = {"linear": {"accuracy": 0.9, "of": {"a": 1}}, "n": 3, "list": [1, 2]}
    assert files.flatten(tree) == {
        "linear.accuracy": 0.9,
        "linear.of.a": 1,
        "n": 3,
        "list": [1, 2],
    }


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    tensors = {
        "turned": torch.arange(6.0).view(2, 3).T,
        "bytes": torch.tensor([1, 255], dtype=torch.uint8),
        "none": torch.zeros(0, 3),
    }
    save_tensors(tmp_path / "a.safetensors", tensors)
    loaded = load_tensors(tmp_path / "a.safetensors")
    assert all(torch.equal(loaded[n], t) and loaded[n].dtype == t.dtype for n, t in tensors.items())


def test_the_order_of_the_names_does_not_change_the_bytes(tmp_path: Path) -> None:
    a, b = torch.ones(2), torch.zeros(3)
    save_tensors(tmp_path / "1", {"a": a, "b": b})
    save_tensors(tmp_path / "2", {"b": b, "a": a})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize("kept", [0, 4, 40, -1])
def test_truncated_tensors_are_named(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"a": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"a\.safetensors is broken .* run `dvc repro`"):
        load_tensors(path)


def test_the_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"twinview")
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"twinview").hexdigest()


def test_room_is_refused_by_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3_000_000))
    files.require_disk_space(tmp_path, 3_000_000, "make room")
    with pytest.raises(BusyError, match=r"needs 4 MB, but its disk has 3 MB free; make room"):
        files.require_disk_space(tmp_path, 4_000_000, "make room")
    with pytest.raises(BusyError):
        files.require_disk_space(tmp_path, 3_000_001, "make room")


def test_room_can_be_asked_of_a_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    files.require_disk_space(tmp_path / "data", 1, "make room")


def test_rows_come_back_as_text_in_order(tmp_path: Path) -> None:
    rows = [{"step": 1, "loss": 0.1 + 0.2}, {"step": 2, "loss": 1e-9}]
    csv_files.save_rows(tmp_path / "a.csv", rows)
    loaded = csv_files.load_rows(tmp_path / "a.csv")
    assert [(int(r["step"]), float(r["loss"])) for r in loaded] == [(1, 0.1 + 0.2), (2, 1e-9)]


def test_names_with_commas_survive_a_table(tmp_path: Path) -> None:
    csv_files.save_rows(tmp_path / "a.csv", [{"class": 'shirt, "top"'}])
    assert csv_files.load_rows(tmp_path / "a.csv") == [{"class": 'shirt, "top"'}]


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv is missing; `dvc repro` makes it"):
        csv_files.load_rows(tmp_path / "a.csv")


@pytest.mark.parametrize("content", ['{"plan": {"seed": 1}}', '{"plan": [{"seed": 1}]}'])
def test_a_key_that_an_edited_file_lacks_is_told(content: str, tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(content)
    value = files.load_json(path)
    assert value == json.loads(content)
    with pytest.raises(DataError, match=r"index\.json has no 'mode'; delete it"):
        value["mode"]
    plan = value["plan"][0] if isinstance(value["plan"], list) else value["plan"]
    with pytest.raises(DataError, match=r"has no 'chain'"):
        plan["chain"]
