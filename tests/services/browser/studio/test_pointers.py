"""Pens, fingers, the clipboard and files that are dropped: events of the browser's own, as devices give them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.services.browser.studio.studio_page import HAIR, SIZE, TOP, Pixel, StudioPage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ERASE = """([x, y]) => {
    const event = (kind) => new PointerEvent(kind, {
        pointerId: 1, pointerType: "pen", button: 5, buttons: 32, clientX: x, clientY: y, bubbles: true,
    });
    const stage = document.getElementById("stage");
    stage.setPointerCapture = () => {}; // of a pointer that no device has
    for (const kind of ["pointerdown", "pointermove", "pointerup"]) stage.dispatchEvent(event(kind));
}"""
COPY = """async (png) => {
    const bytes = Uint8Array.from(atob(png), (char) => char.charCodeAt(0));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) })]);
}"""


@pytest.fixture
def touched(address: str, new_page: Callable[..., Page]) -> Iterator[StudioPage]:
    """The page on a screen that is touched, with an empty map."""
    studio = StudioPage(new_page(touch=True), address)
    studio.open()
    studio.begin_empty()
    studio.choose(HAIR, size=3)
    yield studio
    assert studio.errors == []


def touch(page: Page, *moves: Sequence[tuple[float, float]]) -> None:
    """Lay fingers down at the first places, move them over the others, and lift them."""
    session = page.context.new_cdp_session(page)
    for number, places in enumerate(moves):
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
        session.send(
            "Input.dispatchTouchEvent", {"type": "touchMove" if number else "touchStart", "touchPoints": points}
        )
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def pen(studio: StudioPage, pixels: Sequence[Pixel], *, force: float) -> None:
    """Draw with a pen that presses as hard as this, 0 to 1."""
    session = studio.page.context.new_cdp_session(studio.page)
    kinds = ["mousePressed", *["mouseMoved"] * (len(pixels) - 1), "mouseReleased"]
    places = [*studio.points(pixels), studio.points(pixels)[-1]]
    for kind, (x, y) in zip(kinds, places, strict=True):
        held = {"button": "left", "buttons": 1, "clickCount": 1, "force": force, "pointerType": "pen"}
        session.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **held})


def test_a_pen_paints_as_wide_as_the_size_says_however_hard_it_presses(studio: StudioPage) -> None:
    drawn = []
    for force in (0.1, 0.9):
        studio.begin_empty()
        studio.choose(HAIR, size=5)
        pen(studio, [(20, 30), (60, 34), (90, 80)], force=force)
        drawn.append(studio.ids)
    assert (drawn[0] == HAIR).sum() > 300
    assert np.array_equal(*drawn)


def test_the_other_end_of_a_pen_erases(studio: StudioPage) -> None:
    studio.begin_empty()
    studio.choose(HAIR, tool="rectangle")
    studio.stroke([(20, 20), (80, 80)])
    studio.choose(HAIR, size=1)
    studio.page.evaluate(ERASE, [*studio.points([(40, 50)])[0]])
    assert np.argwhere(studio.ids[20:81, 20:81] == 0).tolist() == [[30, 20]]


def test_a_finger_paints(touched: StudioPage) -> None:
    touch(touched.page, *([place] for place in touched.points([(40, 50), (60, 50), (60, 90)])))
    ids = touched.ids
    assert (ids[49:52, 40:61] == HAIR).all()
    assert (ids[50:90, 59:62] == HAIR).all()
    assert (ids == HAIR).sum() < 3 * (21 + 41 + 6)


@pytest.mark.parametrize("tool", ["brush", "fill", "lasso"])
def test_two_fingers_zoom_and_move_and_paint_nothing(touched: StudioPage, tool: str) -> None:
    touched.page.click(f"[data-tool={tool}]")
    before, changes = touched.ids, touched.page.evaluate("studio.history.at")
    apart = [((60, 64), (68, 64)), ((50, 64), (78, 64)), ((40, 60), (88, 68))]
    moves = [touched.points(fingers) for fingers in apart]
    touch(touched.page, moves[0][:1], *moves)  # one finger comes first, as fingers do
    left, right = touched.points([(0, 0), (SIZE, 0)])
    shown = touched.page.evaluate("document.getElementById('stage').getBoundingClientRect().width")
    assert (right[0] - left[0]) / shown > 4
    assert np.array_equal(touched.ids, before)
    assert touched.page.evaluate("studio.history.at") == changes
    touched.choose(HAIR, size=1)
    touch(touched.page, touched.points([(66, 70)]))  # and paints where it is, in the part that is shown
    assert np.argwhere(touched.ids == HAIR).tolist() == [[70, 66]]


def test_a_picture_is_pasted(studio: StudioPage) -> None:
    picture = studio.page.evaluate("studio.picture.png")
    studio.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    studio.page.evaluate(COPY, picture)
    studio.page.locator("#stage").focus()
    studio.page.keyboard.press("Control+v")
    studio.page.get_by_role("dialog").get_by_role("button", name="Bring in").click()
    expect(studio.page.get_by_role("dialog")).to_have_count(0)
    studio.settle()
    assert set(studio.look["start"]) == {"image"}


def test_a_file_is_dropped(studio: StudioPage, tmp_path: Path) -> None:
    ids = np.zeros((SIZE, SIZE), dtype=np.uint8)
    ids[20:100, 30:90] = TOP
    Image.fromarray(ids).save(tmp_path / "map.png")
    session = studio.page.context.new_cdp_session(studio.page)
    data = {"items": [], "files": [str(tmp_path / "map.png")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 500, "y": 400, "data": data})
        if kind == "dragOver":
            expect(studio.page.locator("body")).to_have_class("dropping")
    expect(studio.page.locator("body")).not_to_have_class("dropping")
    studio.page.get_by_role("dialog").get_by_role("button", name="Bring in").click()
    expect(studio.page.get_by_role("dialog")).to_have_count(0)
    assert np.array_equal(studio.ids, ids)
