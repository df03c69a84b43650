"""Splits: stratified, seeded, disjoint; their files are whole or refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.shapes import CLASSES, prepared_shapes, shapes_source
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Source, Split
from twinview.data import split_writer, splits
from twinview.data.source_splits import split_source
from twinview.data.splits import Prepared

SIZES = {"train": 60, "validation": 30, "test": 24}


@pytest.fixture(scope="module")
def source() -> Source:
    return shapes_source(120, 60, seed=0)


def ids(prepared: Prepared) -> dict[str, set[int]]:
    return {name: set(split.ids.tolist()) for name, split in prepared.splits.items()}


def test_splits_have_the_sizes_asked_for(source: Source) -> None:
    found = split_source(source, SIZES, seed=0).splits
    assert {name: len(split) for name, split in found.items()} == SIZES
    assert all(len(s.inputs) == len(s.ids) == SIZES[name] for name, s in found.items())


def test_no_example_is_in_two_splits(source: Source) -> None:
    train, validation, test = ids(split_source(source, SIZES, seed=0)).values()
    assert not train & validation and not (train | validation) & test


def test_test_rows_come_from_the_source_s_test_rows_only(source: Source) -> None:
    found = ids(split_source(source, SIZES, seed=0))
    assert found["train"] | found["validation"] <= set(source.fit.ids.tolist())
    assert found["test"] <= set(source.test.ids.tolist())


def test_a_row_keeps_its_picture_label_and_id_together(source: Source) -> None:
    for name, split in split_source(source, SIZES, seed=0).splits.items():
        whole = source.test if name == "test" else source.fit
        rows = split.ids - whole.ids[0]
        assert torch.equal(split.inputs, whole.inputs[rows])
        assert split.labels is not None and whole.labels is not None
        assert torch.equal(split.labels, whole.labels[rows])


def test_classes_keep_their_proportions_in_every_split() -> None:
    uneven = torch.tensor([0] * 60 + [1] * 30 + [2] * 30)
    whole = replace(shapes_source(120, 60, seed=0).fit, labels=uneven)
    source = Source(whole, shapes_source(120, 60, seed=0).test, CLASSES, "image")
    for name, split in split_source(source, SIZES, seed=1).splits.items():
        assert split.labels is not None
        shares = torch.tensor([1, 1, 1]) / 3 if name == "test" else torch.tensor([0.5, 0.25, 0.25])
        # A stretch of the order has each class's share of rows, to less than two.
        assert (split.labels.bincount() - shares * len(split)).abs().max() < 2


def test_the_seed_alone_chooses_the_rows(source: Source) -> None:
    first, again, other = (ids(split_source(source, SIZES, seed)) for seed in (0, 0, 1))
    assert first == again
    assert all(first[name] != other[name] for name in SIZES)


def test_rows_are_drawn_and_not_the_first_ones(source: Source) -> None:
    found = split_source(source, SIZES, seed=0).splits
    assert found["train"].ids.max() - found["train"].ids.min() > 100


def test_a_whole_source_can_be_used_up(source: Source) -> None:
    found = ids(split_source(source, {"train": 90, "validation": 30, "test": 60}, seed=0))
    assert sum(len(rows) for rows in found.values()) == 180


@pytest.mark.parametrize(
    ("sizes", "numbers"), [({"train": 91}, "121 rows .* 120"), ({"test": 61}, "61 rows .* 60")]
)
def test_more_rows_than_the_source_has_are_refused(
    sizes: dict[str, int], numbers: str, source: Source
) -> None:
    with pytest.raises(ConfigError, match=rf"data\.train, .* ask for {numbers}; lower them"):
        split_source(source, SIZES | {"validation": 30} | sizes, seed=0)


def test_an_id_that_occurs_twice_is_refused(source: Source) -> None:
    twice = Source(source.fit, replace(source.test, ids=source.fit.ids[:60]), CLASSES, "image")
    with pytest.raises(DataError, match="an id occurs twice"):
        split_source(twice, {"train": 90, "validation": 30, "test": 60}, seed=0)


def test_inputs_of_another_kind_are_refused(source: Source) -> None:
    floats = replace(source.fit, inputs=source.fit.inputs.float())
    with pytest.raises(DataError, match=r"pictures are torch\.float32 .* must be uint8"):
        split_source(Source(floats, source.test, CLASSES, "image"), SIZES, seed=0)


def test_unlabelled_sources_are_divided_too(source: Source) -> None:
    blind = Source(replace(source.fit, labels=None), source.test, CLASSES, "image")
    found = split_source(blind, SIZES, seed=0).splits
    assert found["train"].labels is None and len(found["train"]) == 60


def test_statistics_are_those_of_the_train_split_alone(source: Source) -> None:
    prepared = split_source(source, SIZES, seed=0)
    pixels = prepared.splits["train"].inputs.double() / 255
    assert prepared.statistics.mean == pytest.approx([pixels.mean().item()])
    assert prepared.statistics.std == pytest.approx([pixels.std(correction=0).item()])


def test_what_is_loaded_is_what_was_saved(tmp_path: Path, shapes: Prepared) -> None:
    split_writer.save(tmp_path / "prepared", shapes)
    loaded = splits.load(tmp_path / "prepared")
    assert (loaded.classes, loaded.statistics) == (shapes.classes, shapes.statistics)
    assert loaded.shape == (1, 12, 12) and loaded.modality_name == "image"
    for name, split in shapes.splits.items():
        assert same(loaded.splits[name], split)


def test_unlabelled_splits_are_loaded_without_labels(tmp_path: Path, shapes: Prepared) -> None:
    blind = {name: replace(split, labels=None) for name, split in shapes.splits.items()}
    split_writer.save(tmp_path / "prepared", replace(shapes, splits=blind))
    assert splits.load(tmp_path / "prepared").splits["test"].labels is None


def test_classes_can_be_read_alone(tmp_path: Path, shapes: Prepared) -> None:
    split_writer.save(tmp_path / "prepared", shapes)
    assert splits.load_classes(tmp_path / "prepared") == CLASSES


def test_splits_saved_twice_have_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        split_writer.save(tmp_path / name, prepared_shapes(9, 6, 6, seed=0))
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.parametrize("name", ["index.json", "validation.safetensors"])
def test_a_missing_file_is_named(name: str, tmp_path: Path, shapes: Prepared) -> None:
    split_writer.save(tmp_path / "prepared", shapes)
    (tmp_path / "prepared" / name).unlink()
    with pytest.raises(DataError, match=f"prepared/{name} is missing; `dvc repro` makes it"):
        splits.load(tmp_path / "prepared")


@pytest.mark.parametrize("name", ["index.json", "test.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_named(
    name: str, share: float, tmp_path: Path, shapes: Prepared
) -> None:
    split_writer.save(tmp_path / "prepared", shapes)
    path = tmp_path / "prepared" / name
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError, match=rf"prepared/{name} is (broken|not valid JSON)"):
        splits.load(tmp_path / "prepared")


def same(a: Split, b: Split) -> bool:
    assert a.labels is not None and b.labels is not None
    pairs = ((a.inputs, b.inputs), (a.labels, b.labels), (a.ids, b.ids))
    return all(torch.equal(x, y) and x.dtype == y.dtype for x, y in pairs)
