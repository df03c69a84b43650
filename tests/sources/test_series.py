"""Series of the user and of Watch: what is read of each kind of file, and bad inputs' errors."""

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twinview.core.errors import ConfigError, DataError, TwinviewError
from twinview.core.types import Source
from twinview.data.series_options import SeriesColumns, WindowOptions
from twinview.data.series_source import Recording, cut_windows
from twinview.sources.series import series
from twinview.sources.watch import watch

SPLITS = {"train": "train", "dev": "validation", "test": "test"}
HEAD = "series,time,a,b,label,group,split\n"
LINES = ["s,0,1,9,007,p,train", "s,1,2,,007,p,train", "s,2,3,NA,007,p,train", "t,0,4,8,1,q,dev"]
NAN = np.nan


@pytest.fixture(autouse=True)
def project(folder: Path) -> Path:
    return folder


def read(path: str, length: int | None = None, step: int = 1, **columns: Any) -> Source:
    named: dict[str, Any] = {"series": "series", "time": "time", "channels": ("a", "b")}
    named |= {"label": "label", "group": "group", "split": "split"}
    wanted = SeriesColumns(**named | columns)
    window = WindowOptions(length=length, step=step)
    return series(path=path, columns=wanted, split_names=SPLITS, window=window)  # type: ignore[arg-type]


def write(*lines: str) -> str:
    Path("s.csv").write_text(HEAD + "\n".join(lines) + "\n")
    return "s.csv"


def test_a_table_gives_recordings_whose_shorter_ones_end_with_missing_values() -> None:
    source = read(write(*LINES))
    expected = [[[1, 2, 3], [9, NAN, NAN]], [[4, NAN, NAN], [8, NAN, NAN]]]
    np.testing.assert_array_equal(source.fit.inputs.numpy(), np.float32(expected))
    assert source.classes == ("007", "1"), "labels stay texts"
    assert source.given == ("train", "validation") and source.groups == ()
    assert source.origins == ("s, from step 0", "t, from step 0")


def test_parquet_gives_what_csv_gives() -> None:
    source = read(write(*LINES))
    pd.read_csv("s.csv", dtype={"label": str}).to_parquet("s.parquet")
    other = read("s.parquet")
    np.testing.assert_array_equal(other.fit.inputs.numpy(), source.fit.inputs.numpy())
    assert (other.classes, other.given) == (source.classes, source.given)


def test_an_npz_gives_its_array() -> None:
    values = np.arange(12.0).reshape(2, 2, 3)
    np.savez("s.npz", x=values, y=np.array([3, 4]))
    none = {"series": None, "time": None, "group": None, "split": None}
    source = read("s.npz", channels=("x",), label="y", **none)
    assert source.fit.inputs.tolist() == values.tolist() and source.classes == ("3", "4")


def test_windows_know_their_recording_and_have_a_label_where_all_steps_agree() -> None:
    steps = [f"s,{t},{t},0,{'x' if t < 4 else 'y'},," for t in range(7)]
    source = read(write(*steps), length=3, step=2)
    assert source.fit.inputs[:, 0].tolist() == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    assert source.fit.labels is not None and source.fit.labels.tolist() == [0, -1, 1]
    assert source.fit.groups is not None and source.fit.groups.tolist() == [0, 0, 0]
    assert source.groups == ("s",)
    assert any("1 of 3 windows have no label, or several" in note for note in source.notes)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["s,1,1,1,x,,", "s,0,1,1,x,,"], r"line 3 has the time 0, which is not after 1"),
        (["s,1,1,1,x,,", "s,1,1,1,x,,"], r"line 3 has the time 1, which is the same as 1"),
        (["s,0,1,,x,,", "s,1,2,NA,x,,"], r"channel 1 \(from 0\), has no value in any recording"),
        (["s,0,1,1,x,,", "s,1,1.5e,1,x,,"], r"line 3, column 'a', has '1.5e'"),
        (["s,0,1,inf,x,,"], r"line 2, column 'b', has 'inf', which is no finite number"),
        (["s,0,1,1,x,,", ",1,1,1,x,,"], r"line 3 names no series"),
        (["s,0,1,1,x,p,", "s,1,1,1,x,q,"], r"has 2 values as its group \(p, q\)"),
        (["s,0,1,1,x,,dev?"], r"has the split 'dev\?', which is none of train, dev, test"),
    ],
)
def test_a_bad_row_is_named(lines: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(write(*lines))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channels": ("a", "c")}, "has no column 'c'"),
        ({"series": None}, r"columns\.series is null"),
        ({"length": 9}, "the window's length of 9 is more than the 3 steps of the longest"),
    ],
)
def test_settings_that_do_not_fit_the_table_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(write(*LINES), **changes)


def test_recordings_of_different_channels_are_refused() -> None:
    recordings = [Recording(f"r{c}", np.zeros((c, 5), np.float32), ("x",)) for c in (2, 3)]
    said = "recording 'r3', has 3 channels, and the first has 2"
    with pytest.raises(DataError, match=said):
        cut_windows(recordings, WindowOptions(length=2, step=1), "a file")


def test_watch_without_its_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"seglearn is not installed; `pip install seglearn`"):
        watch(window=WindowOptions(length=100, step=50))


def test_a_pickle_that_names_other_functions_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/watch_dataset.npy").open("wb") as file:
        header = {"descr": "|O", "fortran_order": False, "shape": ()}
        np.lib.format.write_array_header_1_0(file, header)
        pickle.dump(Path, file)
    spec = importlib.util.spec_from_loader("seglearn", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(TwinviewError, match=r"it names pathlib"):
        watch(window=WindowOptions(length=100, step=50))


@pytest.mark.skipif(importlib.util.find_spec("seglearn") is None, reason="seglearn is missing")
def test_watch_has_its_recordings_classes_and_people() -> None:
    source = watch(window=WindowOptions(length=100, step=50))
    assert source.fit.inputs.shape == (4677, 6, 100) and not source.fit.inputs.isnan().any()
    assert source.classes == ("ABD", "ER", "FEL", "IR", "PEN", "ROW", "TRAP")
    assert len(source.groups) == 10
