"""axe-core finds nothing on the studio's page that keeps somebody from using it, light and dark."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.services.browser.chromium import violations
from tests.services.browser.studio.studio_page import GROUPDNET, HAIR, StudioPage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_violation_on_any_panel(
    address: str, new_page: Callable[..., Page], scheme: Literal["light", "dark"]
) -> None:
    studio = StudioPage(new_page(), address)
    studio.page.emulate_media(color_scheme=scheme)
    studio.open()
    studio.page.click("#vary")
    studio.page.click("#undo")
    studio.page.click("#grid")
    expect(studio.page.locator("#variants .tile").first).to_be_enabled()
    for tab in ("look", "blend", "compare", "history"):
        studio.page.click(f"#tab-{tab}")
        if tab == "compare":
            studio.page.locator(f"#panel-compare input[value='{GROUPDNET}']").check()
            studio.page.locator("#against").select_option(GROUPDNET)
        assert violations(studio.page) == [], tab
    studio.page.get_by_role("button", name="Save").click()
    assert violations(studio.page) == [], "the menu"
    studio.page.keyboard.press("Escape")
    studio.page.get_by_role("button", name="Keys (?)").click()
    assert violations(studio.page) == [], "the keys"
    assert studio.errors == []


UNNAMED = """() => {
    const controls = [...document.querySelectorAll("button, input:not([hidden]), select, [role=application]")];
    const named = (each) => each.ariaLabel || each.innerText?.trim() || each.labels?.length || each.title;
    return controls.filter((each) => !named(each)).map((each) => each.outerHTML);
}"""


def test_every_control_has_a_name(studio: StudioPage) -> None:
    for tab in ("look", "blend", "compare", "history"):
        studio.page.click(f"#tab-{tab}")
        assert studio.page.evaluate(UNNAMED) == []


def test_all_is_done_with_keys_alone(studio: StudioPage) -> None:
    before, page = studio.ids, studio.page
    page.locator("#stage").focus()
    for key in ("r", "2"):  # a rectangle of the second class
        page.keyboard.press(key)
    for keys in (["Shift+ArrowUp"] * 2, ["Enter"], ["ArrowRight"] * 5, ["Shift+ArrowDown"], ["Enter"]):
        for key in keys:
            page.keyboard.press(key)
    painted = before.copy()
    painted[48:57, 64:70] = HAIR
    assert np.array_equal(studio.ids, painted)
    studio.settle()
    expect(page.locator("#place")).to_have_text("69, 56: hair")
    page.keyboard.press("Control+z")
    assert np.array_equal(studio.ids, before)
    page.keyboard.press("Enter")  # pressed, and forgotten
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    assert np.array_equal(studio.ids, before)
    page.locator("#result").focus()
    page.keyboard.press("Enter")
    assert [*studio.look["then"][0]] == ["resample"]
    page.locator("#tab-look").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-blend")).to_be_focused()
    expect(page.locator("#second[data-sequence]")).to_be_visible()
    page.locator("#mix-hair").focus()
    page.keyboard.press("End")
    page.locator("#keep").press("Enter")
    assert studio.look["then"][-1]["mix"]["weights"] == {"hair": 1}
