"""The closing words of a run: what is better, what is worse, how far, what to type next."""

from typing import Any

import pytest

from twinview.core.entries import Entry, judged
from twinview.evaluation.standings import describe_gaps, is_worse
from twinview.reporting.summary_text import summary


def found(**changes: Any) -> dict[str, Any]:
    """What `summary.results` gives: the encoder is better in one task and worse in the other."""
    results = {
        "encoder": {"linear": {"accuracy": 0.92}, "knn": {"accuracy": 0.825}},
        "raw_pixels": {"linear": {"accuracy": 0.84}, "knn": {"accuracy": 0.965}},
        "random_encoder": {"linear": {"accuracy": 0.89}, "knn": {"accuracy": 0.80}},
    }
    entry = {"task": "classification", "words": "a probe"}
    entry |= {"primary": "accuracy", "measures": {"accuracy": "accuracy"}}
    return {
        "results": results,
        "entries": dict.fromkeys(("linear", "knn"), entry),
        "protocol": "frozen-4",
        "seeds": None,
        "deviation": None,
        "other_seeds": False,
        "trained": {"hardware": "2 cores, mine", "minutes": 7.6},
        "verdict": "healthy",
        "stale": None,
        "left_out": {},
        "examples": None,
        "report": "reports/report.html",
    } | changes


def deviation(**changes: Any) -> dict[str, Any]:
    return {
        "seeds": [0, 1, 2],
        "hardware": "2 cores, theirs",
        "versions": "torch 2",
        "gaps": {"linear.accuracy": -0.0012, "knn.accuracy": 0.0005},
        "beyond": [],
    } | changes


def test_the_closing_words_say_what_is_better_and_what_is_worse() -> None:
    said = summary(found())
    beside = "Our encoder beside raw pixels: better in 1 of 2 tasks (by 8.0 points), worse in knn"
    assert f"{beside} (by 14.0 points)." in said
    assert "the same encoder untrained: better in every task (by 2.5 to 3.0 points)." in said


def test_the_first_entry_of_each_task_is_explained_where_its_words_are_known() -> None:
    few = {"task": "few", "words": "10 labels", "primary": "map", "measures": {"map": "mAP"}}
    told = found()
    told["entries"] = {**told["entries"], "labels_10": few, "labels_20": few}
    for scores in told["results"].values():
        scores |= {"labels_10": {"map": 0.5}, "labels_20": {"map": 0.5}}
    lines = summary(told).splitlines()
    assert lines[0] == "Accuracy or mAP on test, protocol frozen-4"
    assert "linear: a probe; labels_10: 10 labels." in lines
    for entry in told["entries"]:
        told["entries"][entry] = told["entries"][entry] | {"task": ""}
    assert "a probe" not in summary(told)


def test_equal_contenders_are_neither_better_nor_worse() -> None:
    same = {"linear": {"accuracy": 0.9}}
    said = summary(found(results={"encoder": same, "raw_pixels": same}))
    assert "beside raw pixels: equal in every task." in said and "untrained" not in said


def test_a_difference_that_is_not_shown_is_none() -> None:
    ours, theirs = ({"linear": {"accuracy": value}} for value in (0.9, 0.9001))
    said = summary(found(results={"encoder": ours, "raw_pixels": theirs}))
    assert "beside raw pixels: equal in every task." in said
    assert not is_worse({"linear": -0.0001}) and is_worse({"linear": 0.1, "knn": -0.001})


def test_tasks_are_named_where_some_are_shown_and_judge_nothing() -> None:
    told = found()
    rank = {"task": "geometry", "words": "w", "primary": "rank", "measures": {"rank": "rank"}}
    told["entries"] = {**told["entries"], "geometry": rank | {"is_share": False}}
    for scores in told["results"].values():
        scores |= {"geometry": {"rank": 9.0}}
    said = summary(told)
    assert "pixels: better in linear (by 8.0 points), worse in knn (by 14.0 points)." in said
    assert "untrained: better in linear, knn (by 2.5 to 3.0 points)." in said
    assert "every task" not in said
    assert describe_gaps({"linear": 0.0}, of_all=False) == "equal in linear"


def test_a_measure_that_is_no_share_is_not_told_in_points() -> None:
    gaps = {"rank": 3.25, "linear": 0.014, "knn": -0.02, "clusters": -0.125}
    said = "better in 2 of 4 tasks (by 1.4 points, rank by 3.250), worse in knn, clusters "
    text = describe_gaps(gaps, no_shares=["rank", "clusters"])
    assert text == f"{said}(by 2.0 points, clusters by 0.125)"


def test_a_task_that_the_seeds_lack_has_one_number() -> None:
    one = {"mean": 0.9, "half": 0.01, "deviation": 0.004, "n": 3}
    said = summary(found(seeds={"seeds": [0, 1, 2], "metrics": {"linear.accuracy": one}}))
    assert "0.900 ± 0.010" in said and "0.825" in said


def test_results_that_came_from_dvc_s_cache_cost_no_less_than_their_training() -> None:
    said = summary(found(), run_minutes=0.4)
    assert "intervals; each trains 7.6 minutes" in said


def test_results_measured_elsewhere_are_told_with_hardware_and_distance() -> None:
    said = summary(found(deviation=deviation()))
    assert "as measured on 2 cores, theirs; this run is of 2 cores, mine" in said
    assert "differ by at most 0.12 points (linear.accuracy), within the spread over its 3" in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"beyond": ["knn.accuracy"]}, "beyond the spread over its 3 seeds (95 % prediction"),
        ({"beyond": None, "seeds": [0]}, "one seed has no spread"),
        ({"hardware": "2 cores, mine"}, "its code or versions differed"),
    ],
)
def test_what_is_known_of_the_distance_is_told(changes: dict[str, Any], words: str) -> None:
    assert words in summary(found(deviation=deviation(**changes)))


def test_a_clone_without_models_does_not_know_its_hardware() -> None:
    said = summary(found(deviation=deviation(), trained=None))
    assert "The results here are of another machine or other code, and differ by at most" in said
    assert "git lists" not in said, "they are those of the commit"


def test_the_next_steps_name_what_intervals_cost() -> None:
    assert "twinview embed FOLDER" in summary(found()) and "twinview compare" in summary(found())
    assert "two more trainings, for intervals; some 42 minutes" in summary(found(), run_minutes=21)
    assert "intervals; each trains 7.6 minutes" in summary(found())


def test_intervals_that_are_there_are_not_offered() -> None:
    one = {"mean": 0.9, "half": 0.01, "deviation": 0.004, "n": 3}
    names = [f"{who}{task}.accuracy" for who in ("", "raw_pixels.") for task in ("linear", "knn")]
    names += [f"random_encoder.{task}.accuracy" for task in ("linear", "knn")]
    seeds = {"seeds": [0, 1, 2], "metrics": dict.fromkeys(names, one)}
    said = summary(found(seeds=seeds))
    assert "0.900 ± 0.010" in said and "twinview seeds" not in said


def test_what_is_left_out_is_one_line_by_reason() -> None:
    counts = {"broken JPEG": 1012, "no picture": 25}
    line = "Left out: 1,037 of 2,000 examples (1,012 broken JPEG, 25 no picture)."
    assert line in summary(found(examples={"count": 2000, "left_out": counts})).splitlines()
    assert "Left out" not in summary(found(examples={"count": 2000, "left_out": {}}))


def test_an_effective_rank_judges_nothing_beside_a_share() -> None:
    entry = {"task": "t", "words": "w", "primary": "m", "measures": {"m": "m"}}
    known = {"share": Entry(**entry), "rank": Entry(**entry, is_share=False)}
    assert judged(known) == ["share"] and judged({"rank": known["rank"]}) == ["rank"]
