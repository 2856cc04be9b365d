"""A study by three volunteers in a browser: one whose browser is killed, one whose server is, one who does not look."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from smis.cli import main
from smis.studio.study.study_file import StudyFile
from smis.studio.study.viewing_order import viewing_order
from tests.servers import free_port
from tests.services.browser.chromium import PICTURES, violations
from tests.studio.study import studies

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PRACTICE, TOTAL = 2, 10


class Server:
    """`smis study serve` in a process of its own."""

    def __init__(self, study: Path) -> None:
        self.study, self.port = study, free_port()
        self.address = f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(Path(sys.executable).with_name("smis")), "study", "serve", str(self.study), "--port"]
        self.process = subprocess.Popen([*command, str(self.port)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith(self.address)

    def kill(self) -> None:
        """End it without a word."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(studies.write(tmp_path / "study.sqlite"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def keys(server: Server) -> dict[int, list[str]]:
    """The keys of volunteers who look: yes, and no to catch trials."""
    with StudyFile(server.study) as study:
        orders = {number: viewing_order(study.scored, study.catches, volunteer=number) for number in range(3)}
        return {who: ["n" if number in study.catches else "y" for number in order] for who, order in orders.items()}


def opened(browser: Browser, address: str, **options: str) -> Page:
    page = browser.new_context(viewport={"width": 1400, "height": 800}, locale="en-GB", **options).new_page()  # pyright: ignore[reportArgumentType]
    page.set_default_timeout(60_000)
    page.on("request", lambda request: _check_host(request.url, address))
    page.goto(address)
    return page


def _check_host(url: str, address: str) -> None:
    assert url.startswith((address.partition("#")[0], "blob:")), url


def begin(page: Page) -> str:
    """Agree, and practise; return the address that resumes."""
    page.get_by_role("button", name="I agree, begin").click()
    for number in range(PRACTICE):
        expect(page.locator("#practice")).to_have_text(re.compile(rf"Practice {number + 1} of {PRACTICE}"))
        page.locator("button.answer:enabled").first.click()
    page.get_by_role("button", name="Go on").click()
    return page.url


def answer(page: Page, keys: list[str], places: range) -> None:
    for place in places:
        expect(page.locator("#count")).to_have_text(f"{place} of {TOTAL}")
        page.locator("button.answer:enabled").first.wait_for()
        assert (
            page.locator("#pictures img").evaluate_all("images => images.map(image => image.naturalWidth)") == [32] * 2
        )
        page.keyboard.press(keys[place])


def finish(page: Page) -> None:
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()


def photograph(page: Page, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def test_three_volunteers_finish_though_a_browser_and_the_server_are_killed(
    page: Page, server: Server, keys: dict[int, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    browser = page.context.browser
    assert browser is not None

    first = opened(browser, server.address, color_scheme="light")
    photograph(first, "study-consent")
    begin(first)
    answer(first, keys[0], range(2))
    photograph(first, "study-trial")

    second = opened(browser, server.address, color_scheme="dark")
    link = begin(second)
    answer(second, keys[1], range(4))
    expect(second.locator("#count")).to_have_text(f"4 of {TOTAL}")
    photograph(second, "study-trial-dark")
    second.context.close()  # nothing of this browser is left but the link

    server.kill()
    answer(first, keys[0], range(2, 3))
    expect(first.locator("#status")).to_have_text(re.compile("Your answer is not lost"))
    server.start()
    answer(first, keys[0], range(3, TOTAL))
    finish(first)

    again = opened(browser, link)
    answer(again, keys[1], range(4, TOTAL))
    finish(again)

    careless = opened(browser, server.address)
    begin(careless)
    answer(careless, ["y"] * TOTAL, range(TOTAL))
    finish(careless)
    careless.reload()
    finish(careless)

    assert main(["study", "report", str(server.study), "--json", "--resamples", "50"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["volunteers"] == {"begun": 3, "counted": 2, "left_out": 1}
    assert found["votes"] == {"counted": 16, "left_out": 8, "catch": 6, "catch_failed": 2}
    assert [system["SHE"]["value"] for system in found["systems"].values()] == [100, 100]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_violation_of_accessibility_on_any_page(page: Page, server: Server, scheme: str) -> None:
    assert page.context.browser is not None
    seen = opened(page.context.browser, server.address, color_scheme=scheme)
    expect(seen.get_by_role("button", name="I agree, begin")).to_be_visible()
    assert violations(seen) == [], "consent"
    link = begin(seen)
    seen.locator("button.answer:enabled").first.wait_for()
    assert violations(seen) == [], "a trial"
    answer(seen, ["y"] * TOTAL, range(TOTAL))
    finish(seen)
    assert violations(seen) == [], "thanks"
    lost = opened(page.context.browser, f"{link}x", color_scheme=scheme)
    expect(lost.get_by_role("button", name="Begin anew")).to_be_visible()
    assert violations(lost) == [], "a link that nobody has"


def test_a_link_that_nobody_has_begins_anew(page: Page, server: Server) -> None:
    assert page.context.browser is not None
    other = opened(page.context.browser, f"{server.address}#nobody")
    other.get_by_role("button", name="Begin anew").click()
    expect(other.get_by_role("button", name="I agree, begin")).to_be_visible()


def test_an_answer_before_the_minimum_time_is_not_taken(page: Page, tmp_path: Path) -> None:
    server = Server(studies.write(tmp_path / "slow.sqlite", minimum_ms=60_000))
    server.start()
    try:
        assert page.context.browser is not None
        other = opened(page.context.browser, server.address)
        other.get_by_role("button", name="I agree, begin").click()
        expect(other.locator("button.answer")).to_have_count(2)
        other.keyboard.press("y")
        expect(other.locator("button.answer:disabled")).to_have_count(2)
        expect(other.locator("#practice")).to_have_text(re.compile("Practice 1 of 2"))
    finally:
        server.kill()
