"""The page in a real browser: opens from a file, quiet, alone, on a desk and on a phone."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.actions import interaction
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.reporting.test_page import points_of
from twinview.reporting.page import Evidence

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: containers run as root. The rest keeps the browser itself off the network.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESK, PHONE = (1200, 900), (400, 800)
X, Y, ACTUAL, SAID, ID = range(5)


class Opened:
    """The page in the browser, and what the tests do with it."""

    def __init__(self, driver: Chrome, html: str, url: str) -> None:
        self.driver = driver
        self.points = points_of(html)
        self.url = url

    def load(self, size: tuple[int, int], scheme: str = "light") -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.driver.get(self.url)

    def find(self, css: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def too_wide(self) -> int:
        """How many pixels the page is wider than its window."""
        root = "document.documentElement"
        pixels: int = self.run(f"return {root}.scrollWidth - {root}.clientWidth")
        return pixels

    def drawing(self) -> str:
        drawing: str = self.run("return document.querySelector('canvas').toDataURL()")
        return drawing

    def card(self) -> str:
        """The card's text; empty while it is hidden."""
        text: str = self.find("#card").text
        return text

    def shown(self) -> list[int]:
        """The point that the card tells of."""
        row_id = int(self.card().rpartition(" ")[2])
        return next(point for point in self.points if point[ID] == row_id)

    def choose_class(self, number: int) -> None:
        self.find(f'#map button[value="{number}"]').click()

    def touch(self, point: list[int], kind: str) -> None:
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

    def lonely(self) -> list[int]:
        """The point that is farthest from its nearest, so that no pixel is in doubt."""
        places = np.array([point[:2] for point in self.points], dtype=float)
        away = np.linalg.norm(places[:, None] - places, axis=2) + np.diag([np.inf] * len(places))
        return self.points[int(away.min(1).argmax())]


@pytest.fixture(scope="module")
def opened(html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("browser")
    file = folder / "report.html"
    file.write_text(html, encoding="utf-8")
    driver = _start(folder / "profile")
    yield Opened(driver, html, file.as_uri())
    driver.quit()


def _start(profile: Path) -> Chrome:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    chromedriver = shutil.which("chromedriver")
    if browser is None or chromedriver is None:
        missing = "no Chromium with its chromedriver here (apt install chromium chromium-driver)"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    options = ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Chrome(options, Service(chromedriver))


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
    opened: Opened, evidence: Evidence, size: tuple[int, int], kind: str
) -> None:
    opened.load(size)
    assert opened.card() == ""
    point = opened.lonely()
    opened.touch(point, kind)
    assert opened.card().split("\n")[0] == evidence.prepared.classes[point[ACTUAL]]
    assert opened.card().endswith(f"test {point[ID]}")
    test = evidence.prepared.splits["test"]
    image = test.inputs[test.ids.tolist().index(point[ID])][0].numpy()
    seen = Picture.open(io.BytesIO(opened.find("#card .sprite").screenshot_as_png)).convert("L")
    shrunk = np.asarray(seen.resize(image.shape, Picture.Resampling.BOX), dtype=float)
    # Far from 1 for any other picture; corners are rounded and pixels do not fall on whole ones.
    assert np.corrcoef(shrunk.ravel(), image.ravel())[0, 1] > 0.97


def test_the_card_names_what_was_said_instead(opened: Opened, evidence: Evidence) -> None:
    opened.load(DESK)
    wrong = next(point for point in opened.points if point[ACTUAL] != point[SAID])
    opened.touch(wrong, interaction.POINTER_MOUSE)
    assert f"said {evidence.prepared.classes[wrong[SAID]]}" in opened.card()


def test_the_tab_key_reaches_the_map_and_arrows_go_their_way(opened: Opened) -> None:
    opened.load(DESK)
    opened.run("document.querySelector('nav a:last-child').focus()")
    canvas = opened.find("canvas")
    for _ in range(20):
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
    assert not opened.card().endswith(f"test {point[ID]}"), "a faded point is not shown"
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
