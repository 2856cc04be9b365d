"""Recipes -> styles -> pictures: what was computed before is not computed again."""

import hashlib
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from numpy import ndarray
from PIL import Image

from smis.core.errors import LabelError, StyleError
from smis.core.shapes import size_text
from smis.datasets.io.raw_images import resize_image
from smis.studio.bounded_cache import BoundedCache
from smis.studio.encoded_images import decode_base64, decode_map, picture_bytes
from smis.studio.model_library import ModelLibrary
from smis.studio.style_recipe import Start, Step, StyleRecipe
from smis.studio.uploads import Uploads
from smis.styles import ImageStyle, LabelLayout, Synthesizer, to_uint8

MOST_MAPS, MOST_LAYOUTS, MOST_STYLES = 256, 12, 512
MOST_PICTURE_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class PaintedMap:
    """A label map and, if there is one, its instance map: ids (h, w)."""

    labels: ndarray
    instances: ndarray | None = None

    @cached_property
    def key(self) -> str:
        """The same for the same ids."""
        digest = hashlib.sha256(str(self.labels.shape).encode() + self.labels.astype("<i4").tobytes())
        if self.instances is not None:
            digest.update(self.instances.astype("<i4").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class _PlacedStyle:
    """A style, the map that it is on, and the key of what it was made of."""

    style: ImageStyle
    painted: PaintedMap
    key: str


class RecipeEvaluator:
    """Evaluate recipes step by step; one thread uses it.

    The pictures are those of the same calls of the library, to the bit: each is made alone, whatever is asked for
    beside it.
    """

    def __init__(self, library: ModelLibrary, uploads: Uploads) -> None:
        self._library, self._uploads = library, uploads
        self._maps: BoundedCache[ndarray] = BoundedCache(MOST_MAPS)
        self._layouts: BoundedCache[LabelLayout] = BoundedCache(MOST_LAYOUTS)
        self._styles: BoundedCache[_PlacedStyle] = BoundedCache(MOST_STYLES)
        self._pictures: BoundedCache[bytes] = BoundedCache(MOST_PICTURE_BYTES, size=len)

    def read_map(self, model: str, labels: str, instances: str | None = None) -> PaintedMap:
        """Decode the maps of a request (PNG in base64).

        Raises:
            LabelError: if one is no map of ids, or has not the model's size.
        """
        read = self._read_ids(labels, title="the label map"), self._read_ids(instances, title="the instance map")
        size = self._library.load(model).size
        for ids, name in zip(read, ("label", "instance"), strict=True):
            if ids is not None and ids.shape != size:
                raise LabelError(
                    f"the {name} map is {size_text(ids.shape)}, but {model} paints {size_text(size)}; resize it to "
                    "that with nearest-neighbor interpolation"
                )
        assert read[0] is not None
        return PaintedMap(read[0], read[1])

    def _read_ids(self, text: str | None, *, title: str) -> ndarray | None:
        if text is None:
            return None
        key = hashlib.sha256(text.encode()).digest()
        return self._maps.get(key, lambda: decode_map(decode_base64(text, title=title), title=title))

    def layout(self, model: str, painted: PaintedMap) -> LabelLayout:
        """Return what depends on the maps alone.

        Raises:
            LabelError: if the maps do not fit the model.
        """
        synth = self._library.load(model)
        return self._layouts.get((model, painted.key), lambda: synth.layout(painted.labels, painted.instances))

    def style(self, model: str, recipe: StyleRecipe, painted: PaintedMap) -> ImageStyle:
        """Return the style of a recipe, transferred to a map.

        Raises:
            StyleError: if the model cannot do a step, or a part is not on the map.
            LabelError: if a map does not fit the model.
            NotKeptError: if an upload is not kept any more.
        """
        return self._placed(model, recipe, painted).style.on(self.layout(model, painted))

    def picture(self, model: str, recipe: StyleRecipe, painted: PaintedMap) -> bytes:
        """Return the picture of a recipe on a map, as PNG.

        Raises:
            SmisError: as `style`.
        """
        placed_key = _key(model, recipe, painted.key)
        return self._pictures.get(placed_key, lambda: self._picture(model, recipe, painted))

    def _picture(self, model: str, recipe: StyleRecipe, painted: PaintedMap) -> bytes:
        style = self.style(model, recipe, painted)
        return picture_bytes(to_uint8(self._library.load(model)(style.layout, style))[0])

    def _placed(self, model: str, recipe: StyleRecipe, target: PaintedMap) -> _PlacedStyle:
        """Evaluate a recipe on its own map, or without one on the target."""
        own = target if recipe.labels is None else self.read_map(model, recipe.labels, recipe.instances)
        start_key = _key(model, recipe.start, own.key)
        placed = self._styles.get(
            start_key, lambda: _PlacedStyle(self._start(model, recipe.start, own), own, start_key)
        )
        for step in recipe.then:
            placed = self._after(model, placed, step)
        return placed

    def _after(self, model: str, before: _PlacedStyle, step: Step) -> _PlacedStyle:
        key = _key(before.key, step)
        return self._styles.get(key, lambda: self._take_step(model, before, step, key))

    def _start(self, model: str, start: Start, painted: PaintedMap) -> ImageStyle:
        synth = self._library.load(model)
        maps = painted.labels, painted.instances
        if start.image is not None:
            return synth.encode(self.photograph(start.image, synth), *maps)
        if start.style is not None:
            return read_style(synth, self._uploads.style(start.style))
        return synth.sample(*maps, seed=start.seed or 0)

    def photograph(self, key: str, synth: Synthesizer) -> ndarray:
        """Return an uploaded photograph at a model's size, resized as the data sets are.

        Raises:
            NotKeptError: if it is not kept any more.
        """
        return resize_image(Image.fromarray(self._uploads.photograph(key)), synth.size)

    def _take_step(self, model: str, before: _PlacedStyle, step: Step, key: str) -> _PlacedStyle:
        style, painted = before.style, before.painted
        if step.on is not None:
            painted = self.read_map(model, step.on.labels, step.on.instances)
            return _PlacedStyle(style.on(painted.labels, painted.instances), painted, key)
        return _PlacedStyle(self._operate(model, style, painted, step), painted, key)

    def _operate(self, model: str, style: ImageStyle, painted: PaintedMap, step: Step) -> ImageStyle:
        if step.resample is not None:
            return style.resample(step.resample.classes, step.resample.instances, seed=step.resample.seed)
        assert step.other is not None
        other = self._placed(model, step.other, painted).style
        if step.mix is not None:
            return style.mix(other, {**step.mix.weights}, spherical=step.mix.spherical)
        if step.morph is not None:
            return style.morph(other, step.morph.amount, spherical=step.morph.spherical)
        assert step.copied is not None
        return style.copy(other, source=step.copied.source, target=step.copied.target)


def read_style(synth: Synthesizer, content: bytes) -> ImageStyle:
    """Read a style file that was brought in.

    Raises:
        StyleError: if it is none, is one of another system, or holds styles of many images.
    """
    with tempfile.TemporaryDirectory(prefix="smis-studio-") as folder:
        path = Path(folder) / "style.safetensors"
        path.write_bytes(content)
        try:
            style = synth.style(path)
        except (StyleError, LabelError) as error:
            raise type(error)(str(error).replace(str(path), "the style file")) from None
    if len(style) != 1:
        raise StyleError(f"the style file has the styles of {len(style)} images; save one of them: style[0].save(PATH)")
    return style


def write_style(style: ImageStyle) -> bytes:
    """Return the bytes of a style's file."""
    with tempfile.TemporaryDirectory(prefix="smis-studio-") as folder:
        path = Path(folder) / "style.safetensors"
        style.save(path)
        return path.read_bytes()


def _key(first: str, made_by: Start | Step | StyleRecipe, *more: str) -> str:
    parts = [first, type(made_by).__name__, made_by.model_dump_json(by_alias=True), *more]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
