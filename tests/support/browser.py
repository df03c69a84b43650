"""A page in a real browser, which keeps itself off the network."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: containers run as root. The rest keeps the browser itself off the network.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESK, PHONE = (1200, 900), (400, 800)


class Loaded:
    """A page in the browser."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def load(self, size: tuple[int, int], scheme: str = "light", url: str = "") -> None:
        """Opens the page, or a page around it."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.driver.get(url or self.url)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def too_wide(self) -> int:
        """How many pixels the page is wider than its window."""
        root = "document.documentElement"
        pixels: int = self.run(f"return {root}.scrollWidth - {root}.clientWidth")
        return pixels


def start(profile: Path) -> Chrome:
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
