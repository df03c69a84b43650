"""The page of a small made-up pipeline: whole, honest, escaped, the same each time."""

import copy
import dataclasses
import re
from pathlib import Path

import pytest
import torch

from tests.reporting.conftest import CLASSES, NEIGHBOURS, POINTS, QUERIES, build
from tests.support.pages import Reader, points_of, section
from twinview.core import entries
from twinview.core.errors import DataError
from twinview.reporting import results
from twinview.reporting.data_found import file_names
from twinview.reporting.inline import file_uri
from twinview.reporting.page import StageOutputs


@pytest.fixture(scope="module")
def read(html: str) -> Reader:
    return Reader(html)


def test_every_tag_is_closed_in_turn(read: Reader) -> None:
    assert read.open == []


def test_every_address_is_inside_the_file(html: str, read: Reader) -> None:
    names = {attributes["id"] for _, attributes in read.tags if "id" in attributes}
    addresses = [a[k] or "" for _, a in read.tags for k in ("src", "href", "srcset") if k in a]
    addresses += re.findall(r"url\((.*?)\)", html)
    for address in addresses:
        assert address.startswith("data:") or address.removeprefix("#") in names, address[:80]


def test_it_shows_the_numbers_of_every_contender(read: Reader) -> None:
    text = " ".join(read.text)
    for number in ("0.765", "0.665", "0.654 ± 0.012", "0.554 ± 0.012", "1.234", "3.434"):
        assert number in text
    for words in ("raw pixels", "supervised", "frozen-4", "3 draws", "feed", "not in it"):
        assert words in text


def test_the_first_sentence_sets_ours_beside_raw_pixels_and_labels(read: Reader) -> None:
    assert "96 test examples: linear probe 0.792 (raw pixels 0.692, supervised 0.692)" in (
        " ".join(read.text)
    )


def test_the_page_says_what_is_better_and_marks_what_is_worse(
    html: str, outputs: StageOutputs, read: Reader
) -> None:
    assert "Beside raw pixels: better in every task (by 10.0 points)." in " ".join(read.text)
    assert '<p class="worse">' not in html
    contenders = copy.deepcopy(outputs.evaluation["contenders"])
    contenders["raw_pixels"]["linear"]["accuracy"] = 0.9
    declared = entries.recorded(outputs.evaluation)
    words, worse = results.judgements(contenders, declared)[0]
    assert worse and "worse in linear probe (by 10.8 points)" in words


def test_the_title_has_the_name_of_the_data(outputs: StageOutputs) -> None:
    card = outputs.card | {"source": "folder my pets"}
    html = build(dataclasses.replace(outputs, card=card))
    assert "<title>simclr on folder my pets: twinview</title>" in html


def test_class_names_are_text_and_never_tags(html: str, read: Reader) -> None:
    assert any(text.strip() == "<b>" for text in read.text)
    assert "&lt;b&gt; taken for Tom &amp; Jerry" in html
    assert "<b> taken for" not in html


def test_the_map_has_as_many_points_as_asked_each_a_test_row(
    html: str, outputs: StageOutputs
) -> None:
    points = points_of(html)
    test = outputs.prepared.splits["test"]
    assert test.labels is not None
    ids = {name: row_id for row_id, name in file_names(outputs.examples).items()}
    actual = dict(zip(test.ids.tolist(), test.labels.tolist(), strict=True))
    said = {int(row["id"]): row["linear"] for row in outputs.predictions}
    assert len({name for *_, name in points}) == POINTS
    for x, y, label, predicted, name in points:
        assert 0 <= x <= 1000 and 0 <= y <= 1000
        assert (label, CLASSES[predicted]) == (actual[ids[name]], said[ids[name]])


def test_ids_are_texts_on_the_map_since_scripts_round_large_numbers(outputs: StageOutputs) -> None:
    inputs_of_no_file = [None] * len(outputs.examples)
    examples = outputs.examples.set_column(
        outputs.examples.schema.get_field_index("kind"), "kind", [inputs_of_no_file]
    )
    points = points_of(build(dataclasses.replace(outputs, examples=examples)))
    ids = outputs.prepared.splits["test"].ids.tolist()
    assert {name for *_, name in points} <= set(map(str, ids))


def test_every_query_has_its_neighbours_and_marks_other_classes(html: str) -> None:
    read = Reader(section(html, "neighbours"))
    titles = [a["title"] or "" for tag, a in read.tags if tag == "img" and "title" in a]
    assert sum(title.startswith("test ") for title in titles) == 2 * QUERIES
    assert sum(title.startswith("train ") for title in titles) == 3 * QUERIES * NEIGHBOURS
    classes = [re.sub(r".*?: |, cosine.*", "", title) for title in titles]
    random, missed = QUERIES * (1 + 2 * NEIGHBOURS), 1 + NEIGHBOURS  # raw pixels' stand below
    groups = [classes[i : i + random // QUERIES] for i in range(0, random, random // QUERIES)]
    groups += [classes[i : i + missed] for i in range(random, len(classes), missed)]
    differing = sum(name != asked for asked, *near in groups for name in near)
    assert differing > 0, "these outputs would show nothing"
    assert sum(a.get("class") == "differs" for _, a in read.tags) == differing


def test_neighbours_by_raw_pixels_stand_below_those_of_the_encoder(
    html: str, outputs: StageOutputs
) -> None:
    def neighbours(page: str) -> list[list[str]]:
        tags = Reader(section(page, "neighbours")).tags
        titles = [a["title"] or "" for tag, a in tags if tag == "img" and "title" in a]
        found = [title for title in titles if title.startswith("train ")]
        return [found[i : i + NEIGHBOURS] for i in range(0, len(found), NEIGHBOURS)]

    shown = Reader(section(html, "neighbours")).text
    assert sum(text == "by raw pixels" for text in shown) == QUERIES
    same = neighbours(html)[: 2 * QUERIES]
    assert same[::2] == same[1::2], "here the encoder's features are raw pixels"
    flipped = {
        name: dataclasses.replace(part, features=part.features.flip(0))
        for name, part in outputs.raw.items()
    }
    other = neighbours(build(dataclasses.replace(outputs, raw=flipped)))[: 2 * QUERIES]
    assert other[::2] == same[::2] and other[1::2] != same[1::2]


def test_every_query_that_the_probe_got_wrong_is_marked(html: str, outputs: StageOutputs) -> None:
    read = Reader(section(html, "neighbours"))
    titles = [a["title"] or "" for tag, a in read.tags if tag == "img" and "title" in a]
    ids = {name: str(row_id) for row_id, name in file_names(outputs.examples).items()}
    asked = [ids[title[5:].partition(":")[0]] for title in titles if title.startswith("test ")]
    rows = {row["id"]: row for row in outputs.predictions}
    wrong = [rows[row_id]["linear"] != rows[row_id]["actual"] for row_id in asked]
    assert QUERIES <= sum(wrong) < 2 * QUERIES, "all of the second half"
    assert all(wrong[QUERIES:])
    assert [a["class"] for _, a in read.tags if (a.get("class") or "").startswith("asked")] == [
        "asked differs" if is_wrong else "asked" for is_wrong in wrong
    ]


def test_costs_and_the_hash_of_the_data_are_told(read: Reader) -> None:
    text = " ".join(" ".join(read.text).split())
    assert "Trained in 6 s (1,234 examples/s on cpu, 2 cores); 1.61 MB on disk." in text
    assert "data/prepared 1.23 MB 4 prepare models/encoder 376 kB 2 pretrain" in text
    assert "da7a.dir of data/prepared" in text


def test_the_verdict_has_its_reasons(read: Reader) -> None:
    text = " ".join(" ".join(read.text).split())
    assert "Effective rank 9.0 at least 2, unless labels say which examples are similar" in text
    assert "Loss 1.234 at most 3.091, 0.9 of chance ✓ holds" in text


def test_live_views_and_a_perfect_probe_are_shown_too(outputs: StageOutputs) -> None:
    right = [row | {"linear": row["actual"]} for row in outputs.predictions]
    views = outputs.settings["views"] | {"mode": "live"}
    html = build(
        dataclasses.replace(
            outputs, predictions=right, settings={**outputs.settings, "views": views}
        )
    )
    assert "nothing is cached" in html
    assert "first of the 8 in the cache" not in html
    assert "linear probe classified wrongly</summary>" not in html


def test_equal_outputs_give_equal_bytes(html: str, outputs: StageOutputs) -> None:
    assert build(outputs) == html


def test_predictions_of_other_rows_are_refused(outputs: StageOutputs) -> None:
    shuffled = dataclasses.replace(outputs, predictions=outputs.predictions[::-1])
    with pytest.raises(DataError, match="predictions have other rows"):
        build(shuffled)


def test_embeddings_of_other_rows_are_refused(outputs: StageOutputs) -> None:
    train = outputs.features["train"]
    features = {**outputs.features, "train": train.take(torch.arange(5))}
    with pytest.raises(DataError, match="embeddings of train have other rows"):
        build(dataclasses.replace(outputs, features=features))


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"views\.png is missing"):
        file_uri(tmp_path / "views.png")
