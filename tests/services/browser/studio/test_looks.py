"""A look varies, mixes, morphs and is copied part by part; files come and go; several models are compared."""

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy import ndarray
from PIL import Image
from playwright.sync_api import Page, expect

from smis.core.images import to_image
from smis.metrics import segmenter
from tests.services.browser.studio.studio_page import GROUPDNET, HAIR, INADE, SMALL, SOCKS, TOP, StudioPage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PLAYED = """async (video) => {
    const player = document.createElement("video");
    const loaded = new Promise((resolve, reject) => { player.onloadeddata = resolve; player.onerror = reject; });
    const bytes = Uint8Array.from(atob(video), (char) => char.charCodeAt(0));
    player.src = URL.createObjectURL(new Blob([bytes]));
    await loaded;
    return [player.videoWidth, player.videoHeight];
}"""
SEEN = """() => {
    const canvas = document.querySelector("#panel-compare [role=status] canvas");
    return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}"""
BOTTOM = 5
FAR = 6
"""Pixels from a class at which a convolution hardly carries its change."""


def grown(mask: ndarray, pixels: int) -> ndarray:
    for _ in range(pixels):
        padded = np.pad(mask, 1)
        mask = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return mask


def difference(first: ndarray, second: ndarray, mask: ndarray) -> float:
    """Return the mean absolute difference of two pictures (0 to 255) on some pixels."""
    return float(np.abs(first - second)[mask].mean())


def changes_only(studio: StudioPage, before: ndarray, class_id: int) -> None:
    """Check that the picture changed in a class, and hardly elsewhere."""
    mask, after = studio.ids == class_id, studio.picture
    inside, outside = difference(before, after, mask), difference(before, after, ~grown(mask, FAR))
    assert inside > 8
    assert outside < inside / 5


def test_a_click_in_the_picture_varies_that_class_alone(studio: StudioPage) -> None:
    before = studio.picture
    studio.page.evaluate("studio.vary('class', {id: 3, object: 3}, 4)")  # a seed that is known to differ
    changes_only(studio, before, TOP)
    studio.click_picture(studio.inside(BOTTOM))
    first, second = studio.look["then"]
    assert first == {"resample": {"classes": ["top-clothes"], "seed": 4}}
    assert second["resample"]["classes"] == ["bottom-clothes"]
    studio.page.keyboard.press("Control+z")
    studio.page.keyboard.press("Control+z")
    assert np.array_equal(studio.picture, before)


def test_a_locked_class_keeps_its_look_when_everything_varies(studio: StudioPage) -> None:
    before = studio.picture
    studio.page.click(f".class[data-id='{TOP}'] .lock")
    studio.page.click("[data-scope=everything]")
    studio.page.click("#vary")
    assert "top-clothes" not in studio.look["then"][0]["resample"]["classes"]
    assert difference(before, studio.picture, studio.ids == 0) > 2


def test_a_variant_that_is_clicked_is_kept_with_its_seed(studio: StudioPage) -> None:
    studio.choose(TOP)
    studio.page.click("#grid")
    tile = studio.page.locator("#variants .tile").nth(2)
    expect(tile).to_be_enabled()
    seed = int(tile.inner_text().removeprefix("seed "))
    tile.click()
    studio.settle()
    assert studio.look["then"] == [{"resample": {"classes": ["top-clothes"], "seed": seed}}]
    studio.page.get_by_label("Seed of everything").fill("11")
    studio.page.get_by_label("Seed of everything").press("Enter")
    assert studio.look["start"] == {"seed": 11}


def test_mix_morph_and_copy_take_from_the_second_look(studio: StudioPage) -> None:
    before = studio.picture
    studio.page.click("#tab-blend")
    second = {"start": {"seed": 4}, "then": []}
    studio.page.evaluate("studio.setSecond({title: 'seed 4', recipe: {start: {seed: 4}, then: []}, map: null})")
    studio.page.locator("#mix-top-clothes").fill("100")
    changes_only(studio, before, TOP)
    studio.page.click("#keep")
    assert studio.look["then"] == [{"mix": {"with": second, "weights": {"top-clothes": 1}}}]
    studio.page.locator("#morph").fill("100")
    morphed = studio.picture
    studio.page.click("#keep")
    assert studio.look["then"][1] == {"morph": {"with": second, "amount": 1}}
    assert difference(before, morphed, studio.ids == 0) > 2
    expect(studio.page.locator("#second[data-sequence]")).to_be_visible()
    start, end = studio.points([studio.inside(TOP)], "#second")[0], studio.points([studio.inside(BOTTOM)], "#result")[0]
    studio.drag([start, end])
    assert studio.look["then"][2] == {"copy": {"from": second, "source": TOP, "target": BOTTOM}}
    changes_only(studio, morphed, BOTTOM)


def test_a_morph_plays_until_it_is_stopped_and_is_saved(studio: StudioPage, tmp_path: Path) -> None:
    studio.page.click("#tab-blend")
    studio.page.get_by_role("button", name="Play").click()
    expect(studio.page.locator("#morph")).not_to_have_value("0")
    studio.page.get_by_role("button", name="Stop").click()
    expect(studio.page.get_by_role("button", name="Play")).to_be_visible()
    with studio.page.expect_download() as download:
        studio.page.get_by_role("button", name="GIF").click()
    download.value.save_as(tmp_path / "morph.gif")
    with Image.open(tmp_path / "morph.gif") as image:
        assert (image.format, image.size) == ("GIF", (128, 128))
        assert getattr(image, "n_frames", 1) > 12


def test_a_morph_becomes_a_video_of_what_this_browser_writes(studio: StudioPage, tmp_path: Path) -> None:
    studio.page.click("#tab-blend")
    with studio.page.expect_download() as download:
        studio.page.click("#video")
    name = download.value.suggested_filename
    download.value.save_as(tmp_path / name)
    head = (tmp_path / name).read_bytes()[:64]
    assert (b"ftyp" in head) if name == "morph.mp4" else head.startswith(bytes.fromhex("1a45dfa3"))
    shown = studio.page.evaluate(PLAYED, base64.b64encode((tmp_path / name).read_bytes()).decode())
    assert shown == [512, 512]
    expect(studio.page.locator("#video")).to_be_enabled()


def test_a_look_of_another_map_is_mixed_in(studio: StudioPage) -> None:
    studio.page.click("#tab-blend")
    studio.page.get_by_label("Take the second look from").select_option("example 3")
    expect(studio.page.locator("#second[data-sequence]")).to_be_visible()
    studio.page.locator("#mix-hair").fill("80")
    studio.settle()
    studio.page.click("#keep")
    mix = studio.look["then"][0]["mix"]
    assert mix["weights"] == {"hair": 0.8}
    assert set(mix["with"]) == {"start", "then", "labels", "instances"}


def test_two_models_draw_the_same_map_side_by_side(studio: StudioPage) -> None:
    studio.page.click("#tab-compare")
    studio.page.locator(f"#panel-compare input[value='{GROUPDNET}']").check()
    card = studio.page.locator(f"figure[data-model='{GROUPDNET}']")
    expect(card).to_have_attribute("data-beside", str(studio.arrived[-1]["sequence"]))
    studio.choose(SOCKS, size=20)
    studio.stroke([(20, 20), (100, 20)])
    studio.settle()
    expect(card).to_have_attribute("data-beside", str(studio.arrived[-1]["sequence"]))
    studio.page.locator("#against").select_option(GROUPDNET)
    expect(studio.page.locator("#slider input")).to_be_visible()


def test_a_model_says_why_it_cannot_vary_an_object(studio: StudioPage) -> None:
    studio.page.select_option("#model", GROUPDNET)
    studio.settle()
    button = studio.page.locator("[data-scope=object]")
    expect(button).to_be_disabled()
    assert "GroupDNet" in (button.get_attribute("title") or "")


def test_what_is_no_picture_is_refused_in_one_sentence(studio: StudioPage, tmp_path: Path) -> None:
    before = studio.ids
    (tmp_path / "broken.png").write_bytes(b"no picture")
    studio.bring_in(tmp_path / "broken.png")
    dialog = studio.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Bring in").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    dialog.get_by_role("button", name="Cancel").click()
    (tmp_path / "broken.safetensors").write_bytes(b"no style")
    studio.bring_in(tmp_path / "broken.safetensors")
    expect(studio.page.locator(".message.error")).not_to_be_empty()
    assert np.array_equal(studio.ids, before)


def test_a_label_map_is_brought_in_and_taken_away(studio: StudioPage, tmp_path: Path) -> None:
    ids = np.zeros((128, 128), dtype=np.uint8)
    ids[20:100, 30:90] = TOP
    Image.fromarray(ids).save(tmp_path / "map.png")
    studio.bring_in(tmp_path / "map.png")
    studio.page.get_by_role("button", name="Bring in").click()
    expect(studio.page.get_by_role("dialog")).to_have_count(0)
    studio.settle()
    assert np.array_equal(studio.ids, ids)
    studio.choose(HAIR, tool="rectangle")
    studio.stroke([(40, 4), (80, 19)])
    ids[4:20, 40:81] = HAIR
    saved = studio.save("Label map (PNG of class ids)", tmp_path / "saved.png")
    assert np.array_equal(np.asarray(Image.open(saved)), ids)


def test_a_photograph_gives_its_look(studio: StudioPage, tmp_path: Path) -> None:
    Image.fromarray(studio.picture.astype(np.uint8)).save(tmp_path / "photograph.png")
    studio.bring_in(tmp_path / "photograph.png")
    studio.page.get_by_role("button", name="Bring in").click()
    expect(studio.page.get_by_role("dialog")).to_have_count(0)
    studio.settle()
    assert set(studio.look["start"]) == {"image"}
    assert studio.page.locator(".message.error").count() == 0


def test_a_zip_and_a_link_bring_back_what_was_on_the_screen(
    studio: StudioPage, new_page: Callable[[], Page], tmp_path: Path
) -> None:
    studio.choose(SOCKS, size=20)
    studio.stroke([(20, 20), (100, 20)])
    studio.click_picture(studio.inside(TOP))
    picture, ids = studio.picture, studio.ids
    saved = studio.save("All of it, to open again (zip)", tmp_path / "studio.zip")
    with zipfile.ZipFile(saved) as bundle:
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(bundle.read("picture.png")))), picture)
        assert json.loads(bundle.read("studio.json"))
    studio.page.get_by_role("button", name="Begin with map 1").click()
    studio.settle()
    studio.bring_in(saved)
    expect(studio.page.locator("#undo")).to_have_attribute("title", "Undo: open studio.zip (Ctrl+Z)")
    assert np.array_equal(studio.picture, picture)
    studio.page.get_by_role("button", name="Save").click()
    studio.page.get_by_role("menuitem", name="Copy a link to this").click()
    expect(studio.page).to_have_url(re.compile("#.{8}"))
    other = StudioPage(new_page(), studio.address)
    other.open(fragment="#" + studio.page.url.partition("#")[2])
    assert np.array_equal(other.ids, ids)
    assert np.array_equal(other.picture, picture)


def test_a_map_is_drawn_by_a_model_of_another_size(studio: StudioPage) -> None:
    studio.choose(SOCKS, size=20)
    studio.stroke([(20, 20), (100, 20)])
    studio.click_picture(studio.inside(TOP))
    studio.settle()
    studio.page.click("#tab-compare")
    studio.page.locator(f"#panel-compare input[value='{SMALL}']").check()
    card = studio.page.locator(f"figure[data-model='{SMALL}']")
    expect(card).to_have_attribute("data-beside", str(studio.arrived[-1]["sequence"]))
    ids = studio.ids
    studio.page.select_option("#model", SMALL)
    assert studio.picture.shape == (64, 64, 3)
    assert np.array_equal(studio.ids, ids)
    assert np.array_equal(studio.last_arrived, ids[1::2, 1::2])
    expect(studio.page.locator("#map-size")).to_contain_text("drawn at 64")
    studio.page.keyboard.press("Control+z")
    studio.page.keyboard.press("Control+z")
    studio.page.select_option("#model", INADE)
    assert studio.picture.shape == (128, 128, 3)


def test_what_was_not_exact_of_a_file_is_told_until_it_is_closed(studio: StudioPage, tmp_path: Path) -> None:
    ids = np.zeros((64, 32), dtype=np.uint8)
    ids[10:50, 8:24] = TOP
    Image.fromarray(ids).save(tmp_path / "small.png")
    studio.bring_in(tmp_path / "small.png")
    studio.page.get_by_role("button", name="Bring in").click()
    told = "small.png: the map was 64 x 32; it was resized and stretched to 128 x 128"
    expect(studio.page.locator(".message")).to_contain_text(told)
    expect(studio.page.get_by_role("dialog")).to_have_count(0)  # the map is there
    assert np.array_equal(studio.ids, ids.repeat(2, 0).repeat(4, 1))


@pytest.mark.timeout(600)
def test_what_the_segmenter_of_the_workspace_sees_is_shown_beside_what_was_painted(
    studio: StudioPage, workspace: Path
) -> None:
    studio.page.select_option("#model", SMALL)
    studio.settle()
    studio.page.click("#tab-compare")
    studio.page.click("#judge")
    sentence = studio.page.locator("#panel-compare [role=status] p")
    told = re.compile(r"[\d.]+ % of the pixels are seen as they are painted\.")
    expect(sentence).to_have_text(told, timeout=240_000)  # the first time brings packages that are slow to import
    network = segmenter.load(workspace / "runs/paperdoll/segmenter.safetensors", device=torch.device("cpu"))
    seen = network.predict(to_image(studio.picture.astype(np.uint8)[None]))[0].numpy()
    agreed = 100 * float((seen == studio.last_arrived).mean())
    assert float(sentence.inner_text().partition(" ")[0]) == pytest.approx(agreed, abs=0.06)
    shown = studio.page.evaluate(SEEN)
    colors = np.array(studio.page.evaluate("studio.classes.map((each) => each.color)"))
    assert np.array_equal(np.array(shown).reshape(64, 64, 4)[..., :3], colors[seen])
