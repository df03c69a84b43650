"""The page of a comparison: its text, and what it does in a real browser, on a desk and a phone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.browser import DESK, PHONE, Loaded, start
from tests.support.compared import NINE, alone, of, parted, run, sweep
from tests.support.pages import Reader
from twinview.experiments.comparison import Comparison
from twinview.experiments.side_by_side import Compared
from twinview.reporting.compare_page import page
from twinview.reporting.interval_chart import interval_chart

AWKWARD = "<b>x</b>"


@pytest.fixture(scope="module")
def found() -> Comparison:
    """The sweep, a method of one seed with a name that is no text, and one that failed."""
    runs = [run for group in sweep().groups for run in group.runs]
    single = run(AWKWARD, 0.7, pretrain__method="swav", size=4_000_000)
    return of(*runs, single)


@pytest.fixture(scope="module")
def compared(found: Comparison) -> Compared:
    """With one that is not compared."""
    return Compared((found,), {"tired-newt": "failed"})


@pytest.fixture(scope="module")
def read(compared: Compared) -> Reader:
    return Reader(page(compared))


def words(read: Reader) -> str:
    return " ".join(" ".join(read.text).split())


def test_every_tag_is_closed_and_every_address_is_inside(read: Reader) -> None:
    assert read.open == []
    names = {attributes["id"] for _, attributes in read.tags if "id" in attributes}
    for _, attributes in read.tags:
        for key in {"src", "href"} & attributes.keys():
            address = attributes[key] or ""
            assert address.startswith("data:") or address.removeprefix("#") in names


def test_it_says_the_best_and_what_cannot_be_said(read: Reader) -> None:
    text = words(read)
    assert "Best by linear: method byol , 0.910 ± 0.024, picked on test" in text
    assert "; 1 has too few seeds to compare" in text
    assert "dvc exp run --queue -S pretrain.seed=0,1,2" in text, "what to type"
    assert "95 % confidence interval of the mean" in text and "tired-newt failed" in text


def test_names_are_text_and_never_tags(read: Reader) -> None:
    assert any(text.strip() == AWKWARD for text in read.text)


def test_equal_comparisons_give_equal_bytes_far_below_ten_megabytes(compared: Compared) -> None:
    html = page(compared)
    assert html == page(compared) and len(html.encode()) < 200_000


def test_one_run_alone_has_a_page() -> None:
    text = words(Reader(page(alone(of(run("a", 0.5))))))
    assert "1 setting from 1 run" in text and "No other row has this metric" in text


@pytest.fixture(scope="module")
def two() -> Compared:
    """Rows with long names, and one of another protocol that lacks a metric."""
    few = run("b", 0.9, metrics={"linear.accuracy": 0.9}, tasks__few_labels__draws=2)
    runs = [run(name, 0.5, validation=0.5, **{name: value}) for name, value in NINE.items()]
    return parted(run("a", 0.8, validation=0.8), *runs, few)


def test_each_part_has_its_own_best_and_tables(two: Compared) -> None:
    read = Reader(page(two))
    text = words(read)
    assert read.open == [] and "11 settings from 11 runs" in text
    assert "Part 2, another protocol: tasks.few_labels.draws 2 instead of 5 Best by" in text
    assert text.count("Best by linear") == 2 and "0.800, picked on validation" in text
    assert "No run of this part has knn." in text
    names = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(set(names)) == len(names) and {"table-1", "table-2", "part-2"} <= set(names)


def test_many_settings_are_one_short_column_and_a_table_of_their_own(two: Compared) -> None:
    read = Reader(page(two))
    titles = [attributes.get("title") or "" for _, attributes in read.tags]
    assert any("views.seed 3" in title and title.count(",") == 8 for title in titles)
    assert "The 9 settings that differ" in words(read)


def test_a_part_without_any_of_the_metrics_has_no_figure(two: Compared) -> None:
    runs = [run for part in two.parts for group in part.groups for run in group.runs]
    read = Reader(page(parted(*runs, metrics=("knn.accuracy",))))
    names = {attributes["id"] for _, attributes in read.tags if "id" in attributes}
    assert read.open == [] and {"figure-1", "table-2"} <= names and "figure-2" not in names


def test_sizes_are_said_without_an_exponent() -> None:
    text = words(Reader(page(alone(of(run("a", 0.5, size=2_923_400_000))))))
    assert "2923" in text and "e+03" not in text


def test_a_chart_has_each_mean_amid_its_interval_and_its_seeds(found: Comparison) -> None:
    chart = interval_chart(found, "linear.accuracy")
    assert [row.best for row in chart.rows] == [True, False, False, False]
    for row in chart.rows[:3]:
        assert row.low is not None and row.high is not None and len(row.values) == 3
        assert 0 <= row.low < row.mean < row.high <= 100
        assert row.mean == pytest.approx(sum(row.values) / 3, abs=0.02)
    assert chart.rows[3].low is None and len(chart.rows[3].values) == 1
    assert [tick.label for tick in chart.references] == ["raw pixels 0.500"]
    places = [tick.position for tick in chart.ticks]
    assert places[0] == 0 and places[-1] == 100 and places == sorted(places)


def test_a_wide_interval_does_not_hide_the_others() -> None:
    """Two seeds .01 apart have an interval of more than .12."""
    alone = [
        run("a", 0, metrics={"knn.f1": 0.80}),
        run("b", 0, metrics={"knn.f1": 0.81}, pretrain__seed=1),
        run("c", 0, metrics={"knn.f1": 0.82}, pretrain__epochs=1),
    ]
    chart = interval_chart(of(*alone, metrics=("knn.f1",)), "knn.f1")
    a, b = next(row.values for row in chart.rows if len(row.values) == 2)
    assert b - a > 10, "a tenth of the axis at least"


class Opened(Loaded):
    """The comparison in the browser."""

    def heading(self, name: str) -> Any:
        headings = self.driver.find_elements(By.CSS_SELECTOR, ".sortable thead button")
        return next(button for button in headings if button.text.strip(" ▲▼") == name)

    def column(self, number: int) -> list[str]:
        cells: list[str] = self.run(
            "return [...document.querySelectorAll('.sortable tbody tr')]"
            f".map(row => row.cells[{number}].innerText)"
        )
        return cells


@pytest.fixture(scope="module")
def opened(compared: Compared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("compare")
    file = folder / "compare.html"
    file.write_text(page(compared), encoding="utf-8")
    driver = start(folder / "profile")
    yield Opened(driver, file.as_uri())
    driver.quit()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_nothing_is_wider_than_the_window(
    opened: Opened, size: tuple[int, int], scheme: str
) -> None:
    opened.load(size, scheme)
    opened.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.too_wide() == 0


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_parts_with_long_names_fit_the_window(
    opened: Opened, two: Compared, size: tuple[int, int], tmp_path: Path
) -> None:
    file = tmp_path / "compare.html"
    file.write_text(page(two), encoding="utf-8")
    parts = Opened(opened.driver, file.as_uri())
    parts.load(size)
    assert parts.too_wide() == 0
    tables = parts.driver.find_elements(By.CSS_SELECTOR, "table.sortable")
    assert len(tables) == 2
    tables[1].find_element(By.CSS_SELECTOR, "thead button").click()
    assert tables[1].find_elements(By.CSS_SELECTOR, "th[aria-sort]")
    assert not tables[0].find_elements(By.CSS_SELECTOR, "th[aria-sort]"), "each by itself"


def test_a_desk_shows_all_tasks_of_the_default_recipe_and_cuts_no_word(
    opened: Opened, tmp_path: Path
) -> None:
    tasks = [f"{kind}_{count}" for kind in ("labels", "propagated") for count in (10, 100, 1000)]
    metrics = {f"{task}.accuracy": 0.875 for task in ("linear", "knn", *tasks)}
    runs = [
        run(name, 0.5, metrics=metrics, size=2_923_400_000, pretrain__epochs=epochs)
        for name, epochs in (("a", 2), ("b", 10))
    ]
    file = tmp_path / "compare.html"
    file.write_text(page(alone(of(*runs))), encoding="utf-8")
    wide = Opened(opened.driver, file.as_uri())
    wide.load(DESK)
    assert len(wide.driver.find_elements(By.CSS_SELECTOR, ".sortable thead th")) == 14
    table = "document.querySelector('.sortable')"
    assert wide.run(f"return {table}.offsetWidth <= {table}.parentElement.clientWidth")
    assert wide.heading("epochs").rect["height"] < 40, "one line"


def test_a_click_sorts_numbers_from_the_largest_and_then_from_the_least(opened: Opened) -> None:
    opened.load(DESK)
    assert opened.column(0) == ["byol", "moco", "simclr", "swav"]
    opened.heading("knn").click()
    knn = [float(text.split()[0]) for text in opened.column(2)]
    assert knn == sorted(knn, reverse=True)
    opened.heading("knn").click()
    assert [float(text.split()[0]) for text in opened.column(2)] == knn[::-1]


def test_the_keyboard_sorts_words_from_a(opened: Opened) -> None:
    opened.load(PHONE)
    opened.heading("knn").send_keys(Keys.SPACE)
    opened.heading("method").send_keys(Keys.ENTER)
    assert opened.column(0) == ["byol", "moco", "simclr", "swav"]
    sorted_by = "return [...document.querySelectorAll('th[aria-sort]')].map(h => h.ariaSort)"
    assert opened.run(sorted_by) == ["ascending"]
    opened.heading("method").send_keys(Keys.ENTER)
    assert opened.column(0)[0] == "swav" and opened.run(sorted_by) == ["descending"]


def test_the_tab_key_reaches_every_heading(opened: Opened) -> None:
    opened.load(DESK)
    opened.run("document.querySelector('nav a:last-child').focus()")
    reached = set()
    for _ in range(20):
        opened.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(opened.driver.switch_to.active_element.text)
    assert {"method", "linear", "knn", "n", "min", "MB", "own MB", "verdict"} <= reached


def test_means_lie_where_their_axis_says(opened: Opened, found: Comparison) -> None:
    opened.load(DESK)
    means = opened.run(
        "const panel = document.querySelector('.panel');"
        "const axis = panel.querySelector('.axis').getBoundingClientRect();"
        "return [...panel.querySelectorAll('.mean')].map(m => {"
        "const box = m.getBoundingClientRect();"
        "return 100 * ((box.left + box.right) / 2 - axis.left) / axis.width})"
    )
    expected = [row.mean for row in interval_chart(found, "linear.accuracy").rows]
    assert means == pytest.approx(expected, abs=0.5)  # a pixel of the axis is 0.3


def test_the_console_is_quiet_and_nothing_is_requested(opened: Opened) -> None:
    opened.driver.get_log("browser")
    opened.driver.get_log("performance")
    opened.load(DESK)
    opened.heading("linear").click()
    assert opened.driver.get_log("browser") == []
    events = [json.loads(e["message"])["message"] for e in opened.driver.get_log("performance")]
    sent = [e for e in events if e["method"] == "Network.requestWillBeSent"]
    urls = {e["params"]["request"]["url"] for e in sent}
    assert {url for url in urls if not url.startswith("data:")} == {opened.url}


def test_the_page_follows_the_colour_scheme(opened: Opened) -> None:
    paper = {}
    for scheme in ("light", "dark"):
        opened.load(DESK, scheme)
        body = opened.driver.find_element(By.TAG_NAME, "body")
        paper[scheme] = body.value_of_css_property("background-color")
    assert paper["light"] == "rgba(255, 255, 255, 1)" != paper["dark"]
