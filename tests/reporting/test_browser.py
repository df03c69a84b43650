"""The page in a real browser: opens from a file, quiet, alone, on a desk and on a phone."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions import interaction
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.reporting.conftest import CLASSES
from tests.support.browser import DESK, PHONE, Loaded, start
from tests.support.pages import points_of
from twinview.reporting.page import StageOutputs

X, Y, ACTUAL, SAID, NAME = range(5)


class Opened(Loaded):
    """The report in the browser, and what the tests do with it."""

    def __init__(self, driver: Chrome, html: str, url: str) -> None:
        super().__init__(driver, url)
        self.points = points_of(html)

    def find(self, css: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[Any]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, css))

    def drawing(self) -> str:
        drawing: str = self.run("return document.querySelector('canvas').toDataURL()")
        return drawing

    def card(self) -> str:
        """The card's text; empty while it is hidden."""
        text: str = self.find("#card").text
        return text

    def shown(self) -> list[Any]:
        """The point that the card tells of."""
        name = self.card().rpartition(" ")[2]
        return next(point for point in self.points if point[NAME] == name)

    def choose_class(self, number: int) -> None:
        self.find(f'#map button[value="{number}"]').click()

    def touch(self, point: list[Any], kind: str) -> None:
        """Puts the mouse over a point of the map, or taps it."""
        x, y, side = self.run(
            "const c = document.querySelector('canvas');"
            "c.scrollIntoView({block: 'center'});"
            "const box = c.getBoundingClientRect();"
            "return [box.left + c.clientLeft, box.top + c.clientTop, c.clientWidth]"
        )
        at = [
            round(start + 14 + point[axis] / 1000 * (side - 28)) for axis, start in ((X, x), (Y, y))
        ]
        pointer = PointerInput(kind, f"the {kind}")
        actions = ActionBuilder(self.driver, mouse=pointer, duration=0)
        actions.pointer_action.move_to_location(*at)
        if kind == interaction.POINTER_TOUCH:
            actions.pointer_action.click()
        actions.perform()

    def lonely(self) -> list[Any]:
        """The point that is farthest from its nearest, so that no pixel is in doubt."""
        places = np.array([point[:2] for point in self.points], dtype=float)
        away = np.linalg.norm(places[:, None] - places, axis=2) + np.diag([np.inf] * len(places))
        return self.points[int(away.min(1).argmax())]


def id_of(name: str) -> int:
    """The id of the example whose file the page names."""
    return int(name.removesuffix(".png"))


def likeness(element: Any, outputs: StageOutputs, row_id: int) -> float:
    """The correlation of what an element shows with a test picture.

    Far from 1 for any other one; corners are rounded and pixels do not fall on whole ones.
    """
    test = outputs.prepared.splits["test"]
    image = test.inputs[test.ids.tolist().index(row_id)][0].numpy()
    seen = Picture.open(io.BytesIO(element.screenshot_as_png)).convert("L")
    shrunk = np.asarray(seen.resize(image.shape, Picture.Resampling.BOX), dtype=float)
    return float(np.corrcoef(shrunk.ravel(), image.ravel())[0, 1])


@pytest.fixture(scope="module")
def opened(html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("browser")
    file = folder / "report.html"
    file.write_text(html, encoding="utf-8")
    driver = start(folder / "profile")
    yield Opened(driver, html, file.as_uri())
    driver.quit()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_nothing_is_wider_than_the_window(
    opened: Opened, size: tuple[int, int], scheme: str
) -> None:
    opened.load(size, scheme)
    opened.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.too_wide() == 0
    # Cards of points in the middle reach farthest.
    for point in sorted(opened.points, key=lambda point: abs(point[X] - 500))[:8]:
        opened.touch(point, interaction.POINTER_MOUSE)
        assert opened.card() and opened.too_wide() == 0


def test_whatever_is_hidden_is_not_shown(opened: Opened) -> None:
    opened.load(DESK)
    shown = opened.run(
        "return [...document.querySelectorAll('body *')].filter(element => {"
        "element.setAttribute('hidden', '');"
        "return getComputedStyle(element).display !== 'none'; }).length"
    )
    assert shown == 0


def test_the_console_is_quiet_and_nothing_is_requested(opened: Opened) -> None:
    opened.driver.get_log("browser")
    opened.driver.get_log("performance")
    opened.load(DESK)
    opened.touch(opened.lonely(), interaction.POINTER_MOUSE)
    opened.choose_class(0)
    assert opened.driver.get_log("browser") == []
    events = [json.loads(e["message"])["message"] for e in opened.driver.get_log("performance")]
    sent = [e for e in events if e["method"] == "Network.requestWillBeSent"]
    urls = {e["params"]["request"]["url"] for e in sent}
    assert opened.url in urls, "the log records requests"
    assert {url for url in urls if not url.startswith("data:")} == {opened.url}


@pytest.mark.parametrize(
    ("size", "kind"),
    [(DESK, interaction.POINTER_MOUSE), (PHONE, interaction.POINTER_TOUCH)],
)
def test_a_point_shows_its_picture_and_classes(
    opened: Opened, outputs: StageOutputs, size: tuple[int, int], kind: str
) -> None:
    opened.load(size)
    assert opened.card() == ""
    point = opened.lonely()
    opened.touch(point, kind)
    assert opened.card().split("\n")[0] == outputs.prepared.classes[point[ACTUAL]]
    assert opened.card().endswith(f"test {point[NAME]}")
    assert likeness(opened.find("#card .sprite"), outputs, id_of(point[NAME])) > 0.97


def test_the_card_names_what_was_said_instead(opened: Opened, outputs: StageOutputs) -> None:
    opened.load(DESK)
    wrong = next(point for point in opened.points if point[ACTUAL] != point[SAID])
    opened.touch(wrong, interaction.POINTER_MOUSE)
    assert f"predicted {outputs.prepared.classes[wrong[SAID]]}" in opened.card()


def test_the_tab_key_reaches_the_map_and_arrows_go_their_way(opened: Opened) -> None:
    opened.load(DESK)
    opened.run("document.querySelector('nav a:last-child').focus()")
    canvas = opened.find("canvas")
    for _ in range(30):
        if opened.driver.switch_to.active_element != canvas:
            opened.driver.switch_to.active_element.send_keys(Keys.TAB)
    at = opened.shown()
    for key, axis, way in (
        (Keys.ARROW_RIGHT, X, 1),
        (Keys.ARROW_LEFT, X, -1),
        (Keys.ARROW_DOWN, Y, 1),
        (Keys.ARROW_UP, Y, -1),
    ):
        canvas.send_keys(key)
        before, at = at, opened.shown()
        assert (at[axis] - before[axis]) * way > 0
    canvas.send_keys(Keys.ESCAPE)
    assert opened.card() == ""


def test_a_class_is_isolated_and_all_come_back(opened: Opened) -> None:
    opened.load(DESK)
    before = opened.drawing()
    point = opened.lonely()
    other = (point[ACTUAL] + 1) % 3
    opened.choose_class(other)
    pressed = opened.find('#map button[aria-pressed="true"]')
    assert pressed.get_attribute("value") == str(other)
    assert opened.drawing() != before
    opened.touch(point, interaction.POINTER_MOUSE)
    assert not opened.card().endswith(f"test {point[NAME]}"), "a faded point is not shown"
    opened.find("#map button.all").click()
    assert opened.drawing() == before


def test_the_colour_can_say_right_or_wrong(opened: Opened) -> None:
    opened.load(DESK)
    before = opened.drawing()
    assert not opened.find(".key").is_displayed()
    opened.find('input[value="error"]').click()
    wrong = sum(point[ACTUAL] != point[SAID] for point in opened.points)
    assert opened.find(".count-wrong").text == str(wrong)
    assert opened.find(".count-right").text == str(len(opened.points) - wrong)
    assert opened.drawing() != before


def test_the_page_follows_the_colour_scheme(opened: Opened) -> None:
    paper = {}
    for scheme in ("light", "dark"):
        opened.load(DESK, scheme)
        paper[scheme] = opened.find("body").value_of_css_property("background-color")
    assert paper["light"] == "rgba(255, 255, 255, 1)" != paper["dark"]


def test_only_mistakes_are_left_on_the_map(opened: Opened) -> None:
    opened.load(DESK)
    right = max(opened.points, key=lambda point: (point[ACTUAL] == point[SAID], point[X]))
    wrong = next(point for point in opened.points if point[ACTUAL] != point[SAID])
    opened.find("input[name=mistakes]").click()
    opened.touch(right, interaction.POINTER_MOUSE)
    assert not opened.card().endswith(f"test {right[NAME]}"), "a faded point is not shown"
    opened.touch(wrong, interaction.POINTER_MOUSE)
    assert "✕ predicted" in opened.card()


def test_a_curve_tells_its_values_to_mouse_and_keys(opened: Opened) -> None:
    opened.load(DESK)
    curve, value = opened.find(".chart[data-points] svg"), opened.find(".chart .last")
    assert value.text == "2"
    curve.send_keys(Keys.HOME)
    assert value.text == "step 1: 0.6667"
    curve.send_keys(Keys.ARROW_RIGHT)
    assert value.text == curve.get_attribute("aria-valuetext") == "step 2: 1.333"
    curve.send_keys(Keys.ESCAPE)
    assert value.text == "2"
    ActionChains(opened.driver, duration=0).move_to_element_with_offset(curve, 160, 0).perform()
    assert value.text == "step 3: 2"


def test_a_number_of_the_matrix_shows_the_pictures_that_it_counts(
    opened: Opened, outputs: StageOutputs
) -> None:
    opened.load(DESK)
    for button in opened.all("#confusion h3 + .scroll [data-cell]"):
        button.click()
        _, actual, said = map(str, button.get_attribute("data-cell").split("/"))
        named = f"taken for {CLASSES[int(said)]}:"
        assert opened.find("#mistakes p").text.endswith(f"{CLASSES[int(actual)]} {named}")
        pictures = opened.all("#mistakes .mistake")
        assert len(pictures) == int(button.text) > 0
        row_id = id_of(pictures[-1].get_attribute("aria-label").removeprefix("test "))
        assert likeness(pictures[-1], outputs, row_id) > 0.97
        row = next(row for row in outputs.predictions if row["id"] == str(row_id))
        assert (row["actual"], row["linear"]) == (CLASSES[int(actual)], CLASSES[int(said)])


def test_arrow_keys_go_from_number_to_number(opened: Opened) -> None:
    opened.load(DESK)
    first = opened.find("#confusion [data-cell]")
    at = [first.get_attribute("data-cell")]
    first.send_keys("")
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT, Keys.ARROW_UP):
        opened.driver.switch_to.active_element.send_keys(key)
        at.append(opened.driver.switch_to.active_element.get_attribute("data-cell"))
    # On the diagonal stand no mistakes: they are passed over, or nothing lies that way.
    assert at == [f"linear/{cell}" for cell in ("0/1", "0/2", "1/2", "1/0", "1/0")]
    assert len(opened.all('#confusion h3 + .scroll [tabindex="0"][data-cell]')) == 1


def test_rows_of_neighbours_without_a_mistake_can_be_hidden(opened: Opened) -> None:
    opened.load(DESK)
    before = len(opened.all("details[open] .query"))
    opened.find("#differing").click()
    shown = [row for row in opened.all("details[open] .query") if row.is_displayed()]
    assert 0 < len(shown) < before
    for row in shown:
        assert row.find_elements(By.CSS_SELECTOR, ".differs .instead")
    opened.find("details:not([open]) .queries").find_element(By.XPATH, "..").click()
    missed = opened.all("#neighbours details:last-child .query")
    assert all(row.is_displayed() for row in missed) and missed, "the probe was wrong on them"


@pytest.mark.parametrize(("size", "width"), [(DESK, 600), (PHONE, 380)])
def test_the_page_works_in_a_sandboxed_frame_as_in_mlflow(
    opened: Opened, html: str, tmp_path: Path, size: tuple[int, int], width: int
) -> None:
    frame = tmp_path / "frame.html"
    text = json.dumps(html).replace("</", "<\\/")
    frame.write_text(
        "<meta name='viewport' content='width=device-width'>"
        f"<iframe sandbox='allow-scripts' width={width} height=660></iframe><script>"
        f"const page = new Blob([{text}], {{type: 'text/html'}});"
        "document.querySelector('iframe').src = URL.createObjectURL(page);</script>"
    )
    opened.driver.get_log("browser")
    opened.load(size, url=frame.as_uri())
    opened.driver.switch_to.frame(0)
    for place in ("#map", "#costs"):
        opened.find(f'nav a[href="{place}"]').click()
        top = opened.run(f"return document.querySelector('{place}').getBoundingClientRect().top")
        under = opened.run("return document.querySelector('nav').getBoundingClientRect().bottom")
        assert under <= top < 330, f"{place} is not in sight"
    opened.find("canvas").send_keys(Keys.ARROW_DOWN)
    assert opened.card() != ""
    opened.find('input[value="error"]').click()
    assert opened.find(".count-wrong").text != ""
    opened.driver.switch_to.default_content()
    assert opened.driver.get_log("browser") == []
