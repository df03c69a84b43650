"""Labelled pairs: read and checked from a file, kept with the splits, and made batches of."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import final

import pytest
import torch
from torch import Tensor, nn

from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Pairs
from twinview.data import labelled_pairs, split_writer, splits
from twinview.data.splits import Prepared
from twinview.learning.loop import Budget, batches
from twinview.settings import params
from twinview.views.live import Views, pair_views

HEADER = "first,second,alike\n"


def read(folder: Path, prepared: Prepared, text: str) -> Pairs | None:
    path = folder / "pairs.csv"
    path.write_text(text)
    return labelled_pairs.read(path, prepared.splits)


def train_ids(prepared: Prepared, count: int) -> list[int]:
    return prepared.splits["train"].ids[:count].tolist()


def test_a_pair_is_two_rows_of_the_train_split_and_its_label(
    tmp_path: Path, shapes: Prepared
) -> None:
    a, b, c, d = train_ids(shapes, 4)
    pairs = read(tmp_path, shapes, f"{HEADER}{d},{a},1\n{b},{c},0\n{b},{b},1\n")
    assert pairs is not None and len(pairs) == 3
    assert pairs.first.tolist() == [3, 1, 1] and pairs.second.tolist() == [0, 2, 1]
    assert pairs.alike.tolist() == [True, False, True]


def test_a_pair_may_be_told_twice(tmp_path: Path, shapes: Prepared) -> None:
    a, b = train_ids(shapes, 2)
    pairs = read(tmp_path, shapes, f"{HEADER}{a},{b},0\n{b},{a},0\n")
    assert pairs is not None and len(pairs) == 2


def test_a_file_with_no_more_than_its_header_has_no_pairs(tmp_path: Path, shapes: Prepared) -> None:
    assert read(tmp_path, shapes, HEADER) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"begins with ''; its first line has to be first,second,alike"),
        ("a,b,same\n", r"begins with 'a,b,same'; its first line"),
        (HEADER + "{0},{1}\n", r"line 2: is '\d+,\d+', not two ids and 1 \(alike\) or 0"),
        (HEADER + "{0},{1},1\n{0},x,1\n", r"line 3: is '\d+,x,1', not two ids"),
        (HEADER + "{0},{1},2\n", r"line 2: is '\d+,\d+,2', not two ids"),
        (HEADER + "{0},{1},1\n\n", r"line 3: is '', not two ids"),
        (HEADER + "{0},5,1\n", r"line 2: no example has the id 5; pairs are of train examples"),
        (HEADER + "{2},{0},1\n", r"line 2: \d+ is a validation example; pairs are of train"),
        (HEADER + "{0},{3},1\n", r"line 2: \d+ is a test example; pairs are of train"),
        (HEADER + "{0},{1},1\n{1},{0},0\n", r"line 3: calls \d+ and \d+ not alike, which contra"),
        (HEADER + "{0},{1},0\n{0},{1},1\n", r"line 3: calls \d+ and \d+ alike, which contra"),
        (HEADER + "{0},{0},0\n", r"line 2: calls .* not alike.*that an example is alike itself"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_the_line(
    text: str, said: str, tmp_path: Path, shapes: Prepared
) -> None:
    others = [int(shapes.splits[name].ids[0]) for name in ("validation", "test")]
    with pytest.raises(DataError, match=rf"pairs\.csv \(data\.pairs\).*{said}"):
        read(tmp_path, shapes, text.format(*train_ids(shapes, 2), *others))


@pytest.mark.parametrize("number", ["１", "1_000", " 7", "7 ", "+1", "-1", "1.0", "0x1", "", "²"])
@pytest.mark.parametrize("column", range(3))
def test_a_number_is_digits_alone(
    number: str, column: int, tmp_path: Path, shapes: Prepared
) -> None:
    row = [str(name) for name in train_ids(shapes, 2)] + ["1"]
    row[column] = number
    with pytest.raises(DataError, match=r"line 2: is .*, not two ids and 1 \(alike\) or 0"):
        read(tmp_path, shapes, HEADER + ",".join(row))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_spreadsheet_s_file_is_the_plain_one(
    mark: bytes, end: bytes, quote: bytes, tmp_path: Path, shapes: Prepared
) -> None:
    a, b = (quote + str(name).encode() + quote for name in train_ids(shapes, 2))
    rows = [HEADER.strip().encode(), a + b"," + b + b",1", b + b"," + b + b",1"]
    (tmp_path / "pairs.csv").write_bytes(mark + end.join(rows) + end)
    pairs = labelled_pairs.read(tmp_path / "pairs.csv", shapes.splits)
    assert pairs is not None and pairs.first.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{0},{1},1\n"{0}\n",{1},1\nx\n', r"line 3: is '\d+\\n,\d+,1', not two ids"),
        ('{0},{1},1\n"{0}"x,{1},1\n', r"line 3: is no CSV: ',' expected after '\"'"),
        ('{0},{1},1\n{0},"{1},1\n\n', r"line 3: is no CSV: unexpected end of data"),
        ("{0},{1},1\n" + "7" * 200_000, r"line 3: is no CSV: field larger than field limit"),
        ("{0},{1},1\n" + "7" * 99_000, r"line 3: is '7{{79}}\.\.\., not two ids"),
        ("{0},{1},1\n{0},\x00{1},1\n", r"line 3: is "),
        ("{0},{1},1\n{0},{1}\u2028,1\n", r"line 3: is '\d+,\d+\\u2028,1', not two ids"),
        ("{0},{1},1\n{0},999999999999999999,1\n", r"line 3: no example has the id 9{{18}};"),
    ],
)
def test_whatever_is_wrong_is_one_short_line_with_its_place(
    text: str, said: str, tmp_path: Path, shapes: Prepared
) -> None:
    with pytest.raises(DataError, match=said.replace("{{", "{").replace("}}", "}")) as caught:
        read(tmp_path, shapes, HEADER + text.format(*train_ids(shapes, 2)))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_file_that_is_not_there_is_named(tmp_path: Path, shapes: Prepared) -> None:
    with pytest.raises(ConfigError, match=r"data\.pairs: there is no file .*none\.csv; name a CSV"):
        labelled_pairs.read(tmp_path / "none.csv", shapes.splits)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, shapes: Prepared) -> None:
    (tmp_path / "pairs.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        labelled_pairs.read(tmp_path / "pairs.csv", shapes.splits)


PAIRS = Pairs(
    torch.arange(11), (torch.arange(11) * 3 + 1) % 11, torch.arange(11) % 4 == 0
)  # the fifth is of a row with itself


def test_pairs_are_saved_with_the_splits(tmp_path: Path, shapes: Prepared) -> None:
    split_writer.save(tmp_path / "with", replace(shapes, pairs=PAIRS))
    split_writer.save(tmp_path / "without", shapes)
    found = splits.load(tmp_path / "with").pairs
    assert found is not None
    assert all(torch.equal(own, vars(found)[name]) for name, own in vars(PAIRS).items())
    assert splits.load(tmp_path / "without").pairs is None
    assert not (tmp_path / "without" / splits.PAIRS).exists()


@final
class Numbers(Views):
    """A view says of which row, epoch and view number it is."""

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        views = torch.arange(count)[:, None].expand(count, rows.shape[-1])
        return torch.stack([rows.expand_as(views), torch.full_like(views, epoch), views], dim=2)


OWN = Budget(
    epochs=2, batch_size=4, learning_rate=0.1, warmup_epochs=0, seed=0, precision="float32"
)


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_batch_holds_pairs_with_a_view_of_each_example_and_their_label(epoch: int) -> None:
    seen = []
    for batch in batches(PAIRS.as_split(), pair_views(Numbers(), PAIRS), OWN, epoch, 2):
        assert batch.views.shape == (2, 4, 3) and batch.labels is not None
        first, second = batch.views.unbind()
        assert torch.equal(first[:, 0], PAIRS.first[batch.ids])
        assert torch.equal(second[:, 0], PAIRS.second[batch.ids])
        assert (batch.views[:, :, 1] == epoch).all()
        assert (first[:, 2] == 0).all() and (second[:, 2] == 1).all()
        assert torch.equal(batch.labels == 1, PAIRS.alike[batch.ids])
        seen += batch.ids.tolist()
    assert len(seen) == len(set(seen)) == 8


def test_balanced_batches_of_pairs_are_half_alike() -> None:
    own = replace(OWN, examples_per_class=2)
    for batch in batches(PAIRS.as_split(), pair_views(Numbers(), PAIRS), own, 0, 2):
        assert batch.labels is not None and int(batch.labels.sum()) == 2


@pytest.mark.parametrize(
    ("method", "positives", "by_pairs"),
    [("siamese", "pairs", True), ("siamese", "views", False), ("simclr", "pairs", False)],
)
def test_only_a_method_that_says_so_learns_from_pairs(
    method: str, positives: str, by_pairs: bool, write_params: Callable[..., Path]
) -> None:
    by = "contrastive" if method == "siamese" else "none"
    changes = {"pretrain.method": method, "pretrain.objective": by}
    changes |= {"methods.siamese.positives": positives, "data.pairs": "data/pairs/mine.csv"}
    write_params(changes)
    made = params.load().bound("methods", method)(nn.Identity(), nn.Linear(3, 3))
    assert made.pairs == by_pairs


@pytest.mark.parametrize("name", ["mine.csv", "data/pairs", "data/mine.csv", "data/pairs.csv"])
def test_a_file_where_dvc_would_not_notice_its_change_is_refused(
    name: str, write_params: Callable[..., Path]
) -> None:
    write_params({"data.pairs": name})
    with pytest.raises(ConfigError, match=r"data\.pairs: is not in data/pairs/.*null"):
        params.load()


def test_a_method_that_learns_from_pairs_needs_a_file(write_params: Callable[..., Path]) -> None:
    by = {"pretrain.method": "siamese", "pretrain.objective": "contrastive"}
    path = write_params(by | {"methods.siamese.positives": "pairs"})
    with pytest.raises(ConfigError, match=r"data\.pairs: is null, but methods\.siamese\.positives"):
        params.check(path)
