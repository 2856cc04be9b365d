"""Painting is exact: what arrives at the server is what was painted, whatever a person does."""

import json
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy import ndarray
from playwright.sync_api import Page, expect

from tests.services.browser.studio.studio_page import GROUPDNET, HAIR, INADE, SIZE, SOCKS, TOP, StudioPage, read_png

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TOOLS = ("brush", "line", "rectangle", "ellipse", "lasso", "fill", "eraser")


def test_no_id_arrives_that_was_not_painted_in_200_random_strokes(studio: StudioPage) -> None:
    random = np.random.default_rng(0)
    studio.begin_empty()
    studio.arrived.clear()
    painted, chosen, tool = {0}, HAIR, TOOLS[0]
    paths = random.integers(0, SIZE, (200, 3, 2)).tolist()
    for number, points in enumerate(studio.points(path) for path in paths):
        if number % 10 == 0:
            chosen = int(random.choice([HAIR, TOP, SOCKS]))
            tool = TOOLS[number // 10 % len(TOOLS)]
            studio.choose(chosen, tool=tool, size=int(random.integers(1, 40)))
        painted |= {chosen} if tool != "eraser" else set()
        studio.drag(points[:1] if tool == "fill" else points)
    studio.settle()
    assert painted == {0, HAIR, TOP, SOCKS}
    assert all(set(np.unique(read_png(each["labels"]))) <= painted for each in studio.arrived)
    assert np.array_equal(studio.last_arrived, studio.ids)


def connected(ids: ndarray, x: int, y: int) -> ndarray:
    """Return which pixels a fill reaches, by growing until nothing changes."""
    same, reached = ids == ids[y, x], np.zeros(ids.shape, dtype=bool)
    reached[y, x] = True
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        if np.array_equal(grown & same, reached):
            return reached
        reached = grown & same


def test_a_fill_paints_the_connected_area_and_undo_and_redo_are_exact(studio: StudioPage) -> None:
    before = studio.ids
    x, y = studio.inside(TOP)
    studio.choose(SOCKS, tool="fill")
    studio.stroke([(x, y)])
    after = np.where(connected(before, x, y), SOCKS, before)
    assert np.array_equal(studio.ids, after)
    studio.page.keyboard.press("Control+z")
    assert np.array_equal(studio.ids, before)
    studio.page.keyboard.press("Control+Shift+z")
    assert np.array_equal(studio.ids, after)
    studio.settle()
    assert np.array_equal(studio.last_arrived, after)


def test_a_brush_is_a_disc_without_soft_edges(studio: StudioPage) -> None:
    studio.begin_empty()
    studio.choose(HAIR, size=21)
    studio.stroke([(64, 64)])
    rows, columns = np.mgrid[:SIZE, :SIZE]
    disc = (rows - 64) ** 2 + (columns - 64) ** 2 <= 10.5**2
    assert np.array_equal(studio.ids, np.where(disc, HAIR, 0))


def test_a_zoomed_map_is_painted_where_the_pointer_is(studio: StudioPage) -> None:
    studio.begin_empty()
    studio.choose(HAIR, size=1)
    for _ in range(4):
        studio.page.keyboard.press("+")
    studio.stroke([(60, 66)])
    assert np.argwhere(studio.ids == HAIR).tolist() == [[66, 60]]
    studio.page.keyboard.press("0")
    studio.stroke([(3, 5)])
    assert np.argwhere(studio.ids == HAIR).tolist() == [[5, 3], [66, 60]]


def test_locked_and_hidden_classes_are_not_painted_over(studio: StudioPage) -> None:
    before = studio.ids
    studio.page.click(f".class[data-id='{TOP}'] .lock")
    studio.page.click(f".class[data-id='{HAIR}'] .hide")
    studio.choose(SOCKS, tool="rectangle")
    studio.stroke([(0, 0), (SIZE - 1, SIZE - 1)])
    kept = np.isin(before, [TOP, HAIR])
    assert np.array_equal(studio.ids, np.where(kept, before, SOCKS))


def test_only_over_a_class_leaves_all_others(studio: StudioPage) -> None:
    before = studio.ids
    studio.page.select_option("#over", label="face")
    studio.choose(SOCKS, tool="ellipse")
    studio.stroke([(0, 0), (SIZE - 1, SIZE - 1)])
    assert np.array_equal(studio.ids != before, before == 2)


def test_ten_fast_strokes_end_in_one_picture_that_of_the_last_map(studio: StudioPage) -> None:
    studio.begin_empty()
    studio.choose(HAIR, size=9)
    studio.page.evaluate(
        "() => { window.shown = []; studio.on('picture', () => shown.push(studio.picture.sequence)); }"
    )
    for number in range(10):
        studio.stroke([(20, 8 + 11 * number), (100, 8 + 11 * number)])
    studio.settle()
    shown = studio.page.evaluate("shown")
    assert shown == sorted(set(shown))
    assert shown[-1] == studio.arrived[-1]["sequence"]
    assert np.array_equal(studio.shown_map, studio.ids)
    assert np.array_equal(studio.last_arrived, studio.ids)


def test_a_reload_brings_back_map_look_and_history(studio: StudioPage) -> None:
    studio.choose(SOCKS, size=15)
    studio.stroke([(20, 20), (90, 30)])
    studio.click_picture(studio.inside(TOP))
    before = studio.ids, studio.look, studio.picture
    expect(studio.page.locator("html")).to_have_attribute("data-kept", "2")
    studio.page.reload()
    studio.ready()
    assert studio.model == INADE
    assert studio.look == before[1]
    assert np.array_equal(studio.ids, before[0])
    assert np.array_equal(studio.picture, before[2])
    studio.page.keyboard.press("Control+z")
    studio.page.keyboard.press("Control+z")
    assert (studio.ids != before[0]).any()
    assert studio.look == {"start": {"seed": 7}, "then": []}


def test_a_reload_brings_back_rules_tools_and_sliders(studio: StudioPage) -> None:
    studio.choose(SOCKS, tool="lasso", size=15)
    studio.page.click(f".class[data-id='{HAIR}'] .hide")
    studio.page.select_option("#over", str(TOP))
    studio.page.click("[data-scope=everything]")
    studio.page.evaluate("studio.setSecond({title: 'seed 4', recipe: {start: {seed: 4}, then: []}, map: null})")
    studio.page.evaluate("studio.setBlend({amount: 0.5})")
    before = studio.picture
    studio.page.evaluate("studio.keepNow()")
    studio.page.reload()
    studio.ready()
    kept = studio.page.evaluate("[studio.tool, studio.size, [...studio.hidden], studio.onlyOver, studio.varies]")
    assert kept == ["lasso", 15, [HAIR], TOP, "everything"]
    assert studio.page.locator("#over").input_value() == str(TOP)
    assert studio.page.locator("#size").input_value() == "15"
    assert studio.page.locator("#morph").input_value() == "50"
    assert np.array_equal(studio.picture, before)


def test_two_pages_at_once_show_each_its_own_map(studio: StudioPage, new_page: Callable[[], Page]) -> None:
    other = StudioPage(new_page(), studio.address)
    other.open(model=GROUPDNET)
    for page, class_id in ((studio, HAIR), (other, SOCKS)):
        page.begin_empty()
        page.choose(class_id, size=30)
    for number in range(4):
        studio.stroke([(20, 20 + 20 * number), (100, 20 + 20 * number)])
        other.stroke([(20 + 20 * number, 20), (20 + 20 * number, 100)])
    for page, class_id in ((studio, HAIR), (other, SOCKS)):
        page.settle()
        assert set(np.unique(page.shown_map)) == {0, class_id}
        assert np.array_equal(page.shown_map, page.ids)
    assert other.errors == []


def test_connected_regions_become_objects_and_one_again(studio: StudioPage) -> None:
    studio.begin_empty()
    studio.choose(HAIR, size=11)
    for x in (20, 64, 108):
        studio.stroke([(x, 30), (x, 90)])
    studio.page.get_by_role("button", name="Split").click()
    hair = studio.objects[studio.ids == HAIR]
    assert len(np.unique(hair)) == 3
    studio.settle()
    assert len(np.unique(read_png(studio.arrived[-1]["instances"]))) == 4
    studio.page.get_by_role("button", name="Merge all").click()
    assert set(np.unique(studio.objects[studio.ids == HAIR])) == {HAIR}
    studio.page.get_by_role("button", name="New", exact=True).click()
    studio.stroke([(20, 110), (100, 110)])
    assert len(np.unique(studio.objects[studio.ids == HAIR])) == 2


@pytest.mark.parametrize("model", [GROUPDNET, INADE])
def test_from_stroke_to_picture(
    studio: StudioPage, pictures: Path, model: str, record_property: Callable[[str, object], None]
) -> None:
    studio.page.select_option("#model", model)
    studio.settle()
    studio.choose(HAIR, size=5)
    times: list[float] = []
    for number in range(8):
        studio.stroke([(10, 4 + 6 * number), (100, 6 + 6 * number)])
        studio.settle()
        assert np.array_equal(studio.shown_map, studio.ids)
        times.append(studio.page.evaluate("studio.picture.latency"))
    figures = {"model": model, "median_ms": round(statistics.median(times)), "least_ms": round(min(times))}
    record_property("stroke_to_picture", figures)
    (pictures / f"studio-latency-{model.partition(':')[2]}.json").write_text(json.dumps(figures))
