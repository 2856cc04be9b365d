"""Debian's Chromium without a window, and the fields of Prefect's form as a person finds them: by their titles."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

PROGRAM = shutil.which("chromium")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PICTURES = Path(__file__).parents[2] / "artifacts"
WIDTH, HEIGHT = 1400, 1000
PATIENCE_S = 60


@contextmanager
def launched() -> Iterator[Browser]:
    """Start a browser that knows nothing."""
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=list(FLAGS))
        yield browser
        browser.close()


def new_page(browser: Browser) -> Page:
    """Open an empty page for the programs whose pages we do not write."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB")
    page.set_default_timeout(PATIENCE_S * 1000)
    assistant = page.get_by_text("Ask questions about your")  # MLflow's opens by itself
    close = page.get_by_role("button", name="Close", exact=True)
    page.add_locator_handler(assistant, lambda: close.click())
    return page


def violations(page: Page) -> list[str]:
    """Return what axe-core finds on a page that keeps somebody from using it, a line for each element."""
    found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [
        f"{each['id']} ({each['impact']}): {node['target']}: {node['html'][:160]}"
        for each in serious
        for node in each["nodes"]
    ]


def photograph(page: Page, name: str, *, height: int = HEIGHT) -> None:
    """Keep what is seen in tests/artifacts, in a window of this height in pixels."""
    PICTURES.mkdir(exist_ok=True)
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(500)  # what moves has come to rest
    page.screenshot(path=PICTURES / f"{name}.png")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


class Field:
    """A field of Prefect's form."""

    def __init__(self, scope: Page | Locator, title: str) -> None:
        label = scope.locator("label", has_text=re.compile(rf"^\s*{re.escape(title)}( \(Optional\))?\s*$")).first
        self.place = label.locator("xpath=ancestor::*[contains(concat(' ', @class, ' '), ' schema-form-property ')][1]")

    def write(self, text: str) -> None:
        """Fill in a text or a number."""
        self.place.locator("textarea, input").first.fill(text)

    def choose(self, option: str) -> None:
        """Choose one of several."""
        self.place.locator(".p-select-button__control").press("ArrowDown")
        self.place.page.get_by_role("option", name=option, exact=True).click()

    def add(self) -> Locator:
        """Add a row to a list, and return it."""
        rows = self.place.locator(".p-draggable-list").first.locator("> .p-draggable-list__item")
        before = rows.count()
        self.place.locator(".p-draggable-list__create-button").last.click()
        rows.nth(before).wait_for()
        return rows.nth(before)


def choose_metrics(page: Page, *names: str) -> None:
    """Let MLflow's parallel coordinates have these axes, in place of the one that it begins with."""
    page.locator(".du-bois-light-select-selection-item-remove").last.click()
    box = page.get_by_role("combobox").nth(1)
    box.click()
    for name in names:
        box.fill(name)
        box.press("Enter")
    box.press("Escape")


def choose_axis(page: Page, axis: str, name: str) -> None:
    """Let MLflow's scatter plot have this for its x or y axis."""
    page.locator(f"#{axis}-axis-selector").click()
    page.get_by_role("option", name=name, exact=True).click()
