"""Questions: which can be compared, also where one has what another lacks."""

from typing import Any

from twinview.experiments.question import Question, answer, parted, question

SETTINGS: dict[str, Any] = {
    "data.train": 500, "data.pairs": "a.csv", "sources.photos.folder": "x",
    "evaluate.tasks": ["few_labels", "propagation"], "tasks.few_labels.per_class": [10],
    "tasks.few_labels.draws": 5, "tasks.few_labels.C": 0.03, "tasks.propagation.alpha": 0.9,
    "probes.knn.neighbours": [10],
    "pretrain.epochs": 3, "embed.mirror": True,
}  # fmt: skip


def asked(
    prepared: str | None = "d1", pairs: str | None = "p1", name: str | None = "frozen-4", **own: Any
) -> Question:
    """A question of SETTINGS with others; None leaves a setting out."""
    settings = SETTINGS | {key.replace("__", "."): value for key, value in own.items()}
    kept = {key: value for key, value in settings.items() if value is not None}
    return question(kept, prepared, pairs, name)


def places(*questions: Question) -> list[tuple[int, ...]]:
    return [part.places for part in parted(questions)]


def test_an_answer_has_the_settings_of_no_question() -> None:
    assert answer(SETTINGS).keys() == {"data.pairs", "pretrain.epochs", "embed.mirror"}


def test_what_is_not_measured_contradicts_nothing_and_joins_the_first_part_that_it_fits() -> None:
    without = asked(probes__knn__neighbours=None, tasks__propagation__alpha=None)
    others = [asked(), asked(), asked(probes__knn__neighbours=[20])]
    assert places(without, *others) == [(0, 1, 2), (3,)]
    assert places(*others, without) == [(0, 1, 3), (2,)], "in any order"


def test_a_setting_that_an_earlier_version_lacks_is_another_protocol() -> None:
    (_, second) = parted([asked(), asked(tasks__few_labels__draws=None)])
    assert second.question.differences(asked()) == {
        "protocol": {"tasks.few_labels.draws": ("absent", 5)}
    }


def test_hashes_tell_where_the_pairs_are_equal_and_settings_where_they_are_not() -> None:
    assert places(asked(), asked(prepared="d2")) == [(0,), (1,)]
    assert places(asked(), asked(prepared="d2", pairs="p2")) == [(0, 1)]
    other = {"prepared": "d2", "pairs": "p2"}
    assert places(asked(), asked(**other, data__train=600)) == [(0,), (1,)]
    found = places(asked(), asked(**other), asked(prepared="d3", pairs="p2"))
    assert found == [(0, 1), (2,)], "a part knows the hashes of all its runs"


def test_equal_hashes_are_equal_data_and_without_hashes_settings_tell() -> None:
    assert places(asked(), asked(sources__photos__folder="y")) == [(0, 1)]
    unknown = asked(prepared=None)
    assert places(unknown, asked(prepared=None, sources__photos__folder="y")) == [(0,), (1,)]
    assert places(unknown, asked()) == [(0, 1)]


def test_a_protocol_without_a_name_fits_any() -> None:
    assert places(asked(name=None), asked()) == [(0, 1)]
    assert places(asked(name="frozen-2"), asked()) == [(0,), (1,)]


def test_the_part_with_the_most_questions_comes_first() -> None:
    assert places(asked(name="frozen-2"), asked(), asked()) == [(1, 2), (0,)]
