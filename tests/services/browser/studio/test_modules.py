"""The page's modules by themselves, in the browser that runs them."""

import base64
import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy import ndarray
from PIL import Image
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ENCODE = """async ([ids, width, height]) => {
    const { encodePng, toBase64 } = await import(`${location.origin}/png.js`);
    return toBase64(await encodePng(Uint16Array.from(ids), width, height));
}"""
DECODE = """async (text) => {
    const { decodePng, fromBase64 } = await import(`${location.origin}/png.js`);
    const { ids, width } = await decodePng(fromBase64(text));
    return [[...ids], width];
}"""
PAINT = """async ([width, height, kind, parameters]) => {
    const raster = await import(`${location.origin}/raster.js`);
    const { LabelMap, Stroke } = await import(`${location.origin}/label_map.js`);
    const stroke = new Stroke(new LabelMap(width, height, new Uint16Array(width * height)), { id: 1, object: 1 });
    raster[kind](...parameters, stroke.span);
    return [...stroke.map.ids];
}"""
RECIPES = """async () => {
    const { add, blended, fit, fromSeed, needsFile, resample } = await import(`${location.origin}/recipe.js`);
    const abilities = { "resample class": null, "resample instance": "cannot", mix: null, copy: null };
    const model = { abilities, instances: false, classes: [{ id: 0, name: "sky" }, { id: 1, name: "sea" }] };
    const scene = { model, present: new Set(["sea"]), objects: new Set([1]) };
    let look = resample(fromSeed(7), { classes: ["sky"] }, 1);
    look = resample(look, { classes: ["sky", "sea"] }, 2);
    look = resample(look, { instances: [3] }, 3);
    const mixed = blended(look, fromSeed(4), { weights: { sea: 0.5, sky: 0 }, amount: 0 });
    const exemplar = { start: { image: "f" }, labels: "map", then: [] };
    const copied = add(mixed, { copy: { from: exemplar, source: 0, target: 1 } });
    return [look, fit(copied, scene), needsFile(copied), needsFile(mixed)];
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(f"{address}icon.svg")  # of the same origin, and nothing else runs
    yield page
    page.context.close()


@pytest.mark.parametrize("highest", [1, 255, 256, 65_535])
def test_ids_survive_the_png_that_the_page_writes(page: Page, highest: int) -> None:
    ids = np.random.default_rng(highest).integers(0, highest, (13, 7), endpoint=True)
    ids[0, 0] = highest
    text = page.evaluate(ENCODE, [ids.flatten().tolist(), 7, 13])
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        assert image.mode == ("L" if highest < 256 else "I;16")
        assert np.array_equal(np.asarray(image), ids)


def palette(ids: ndarray, bits: int) -> bytes:
    image, buffer = Image.fromarray(ids.astype(np.uint8)).convert("L"), io.BytesIO()
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([value for color in range(256) for value in (color, 0, 255 - color)])
    image.save(buffer, "PNG", bits=bits)
    return buffer.getvalue()


def gray(ids: ndarray, bits: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(ids.astype(np.uint16 if bits == 16 else np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("write", "bits"), [(palette, 1), (palette, 2), (palette, 4), (palette, 8), (gray, 8), (gray, 16)]
)
def test_the_page_reads_ids_of_every_depth(page: Page, write: Callable[[ndarray, int], bytes], bits: int) -> None:
    rows, columns = np.mgrid[:40, :51]
    ids = (rows * 3 + columns * 5 + rows * columns // 7) % 2**bits  # smooth, so that Pillow takes all filters
    values, width = page.evaluate(DECODE, base64.b64encode(write(ids, bits)).decode())
    assert np.array_equal(np.array(values).reshape(-1, width), ids)


def painted(page: Page, kind: str, *parameters: object) -> ndarray:
    return np.array(page.evaluate(PAINT, [32, 24, kind, list(parameters)])).reshape(24, 32)


def test_shapes_are_what_they_are_called(page: Page) -> None:
    rows, columns = np.mgrid[:24, :32]
    rectangle = (rows >= 3) & (rows <= 9) & (columns >= 5)
    assert np.array_equal(painted(page, "rectangle", [40, 9], [5, 3]), rectangle)
    circle = (rows - 10) ** 2 + (columns - 12) ** 2 <= 5.5**2
    assert np.array_equal(painted(page, "ellipse", [7, 5], [17, 15]), circle)
    triangle = (columns >= 2) & (rows <= 20) & (columns - 2 <= rows - 2)
    assert np.array_equal(painted(page, "polygon", [[2, 2], [2, 20], [20, 20]]), triangle)
    diagonal = painted(page, "line", [-4, -4], [50, 50], 1)
    assert np.array_equal(diagonal, rows == columns)


@pytest.mark.parametrize("diameter", [1, 2, 3, 8, 21])
def test_a_disc_is_round_and_as_wide_as_it_says(page: Page, diameter: int) -> None:
    disc = painted(page, "line", [15, 11], [15, 11], diameter)
    assert disc.any(axis=0).sum() == disc.any(axis=1).sum() == diameter
    assert np.array_equal(disc.any(axis=1), disc[:, 15] == 1)
    inked = disc[np.ix_(disc.any(axis=1), disc.any(axis=0))]
    assert np.array_equal(inked, inked.T)
    assert np.array_equal(inked, inked[::-1, ::-1])


def test_a_recipe_forgets_what_is_void_and_fits_what_is_on_the_map(page: Page) -> None:
    look, fitted, with_file, without_file = page.evaluate(RECIPES)
    resampled = {"resample": {"classes": ["sky", "sea"], "seed": 2}}
    assert look == {"start": {"seed": 7}, "then": [resampled, {"resample": {"instances": [3], "seed": 3}}]}
    exemplar = {"start": {"image": "f"}, "labels": "map", "then": []}
    assert fitted["then"] == [
        {"resample": {"classes": ["sea"], "seed": 2}},
        {"mix": {"with": {"start": {"seed": 4}, "then": []}, "weights": {"sea": 0.5}}},
        {"copy": {"from": exemplar, "source": "sky", "target": "sea"}},
    ]
    assert (with_file, without_file) == (True, False)
