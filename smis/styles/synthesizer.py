"""A trained system in a person's hands."""

from collections.abc import Sequence
from pathlib import Path

import torch

from smis.core.device import usable_device
from smis.core.errors import ParamsError
from smis.core.shapes import Image
from smis.styles import store
from smis.styles.coded import seeds_of
from smis.styles.inputs import Given, read_image, read_sketch
from smis.styles.layout import Layout
from smis.styles.networks import Networks
from smis.styles.painter import Painter, Precision
from smis.styles.style import PictureStyle


def load(
    path: str | Path,
    *,
    device: str | torch.device | None = None,
    precision: Precision = "float32",
    channels_last: bool = False,
    compile: bool = False,
) -> "Synthesizer":
    """Load a checkpoint, onto the GPU if there is one.

    `precision="bfloat16"` computes in bfloat16 where that is safe, `channels_last` lays features out as most GPUs like
    them, `compile` compiles the generator when it is first used; each may be faster, and moves the last digits.

    Raises:
        CheckpointError: if the file is missing, broken, or does not fit its system.
        ParamsError: if there is no such device or precision.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> synth
        Synthesizer(INADE, varies instance, 6 classes, 32 x 64, cpu, float32)
    """
    place = usable_device(device)
    if precision not in ("float32", "bfloat16"):
        raise ParamsError(f"precision is {precision!r}; give 'float32' or 'bfloat16'")
    networks = Networks(Path(path), device=place, channels_last=channels_last, compiled=compile)
    return Synthesizer(Painter(networks, device=place, precision=precision))


class Synthesizer:
    """Make pictures of label maps, and styles for them: `synth(labels, style)`.

    Label and instance maps are integers, (h, w) or (b, h, w), NumPy or torch, or a PIL picture or file of one. Without
    instances each class is one. Pictures are floats -1..1, (3, h, w) or (b, 3, h, w), or uint8 as (h, w, 3), a PIL
    picture or a file. Sizes are those that the architecture allows, not only the trained one.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> synth("labels.png").shape
        torch.Size([1, 3, 32, 64])
    """

    def __init__(self, painter: Painter) -> None:
        self._painter = painter

    @property
    def classes(self) -> list[str]:
        """Names by class id."""
        return list(self._painter.classes)

    @property
    def palette(self) -> list[tuple[int, int, int]]:
        """Colors (RGB, 0..255) by class id."""
        return self._painter.networks.palette

    @property
    def varies(self) -> str:
        """What has a code of its own: nothing, the whole image ("global"), each class or each instance."""
        return self._painter.varies

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures that it was trained with."""
        return self._painter.networks.size

    @property
    def device(self) -> torch.device:
        """Where it computes, and where its pictures lie."""
        return self._painter.device

    def __repr__(self) -> str:
        height, width = self.size
        able = "" if self._painter.networks.encodes else ", no encoder"
        what = f"{self._painter.title}, varies {self.varies}{able}, {len(self.classes)} classes"
        return f"Synthesizer({what}, {height} x {width}, {self.device}, {self._painter.precision})"

    def layout(self, labels: Given | Layout, instances: Given | None = None) -> Layout:
        """Check maps and compute what depends on them alone, once for many styles.

        It stands for its labels in every call: `synth(layout, style)`, `synth.sample(layout)`.

        Raises:
            LabelError: if the maps do not fit the checkpoint.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> layout = synth.layout("labels.png")
            >>> images = [synth(layout, synth.sample(layout, seed=seed)) for seed in range(3)]
        """
        return self._painter.prepare(self._painter.read(labels, instances))

    def sample(
        self,
        labels: Given | Layout,
        instances: Given | None = None,
        *,
        seed: int | Sequence[int] = 0,
        samples: int = 1,
    ) -> PictureStyle:
        """Draw styles; a seed has the same ones on every device, and in whatever batch a label map comes.

        `samples` gives as many for each label map, one after the other. A seed for each label map lets their styles
        differ: `seed=range(len(labels))`.

        Raises:
            LabelError: if the maps do not fit the checkpoint.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> synth.sample("labels.png", seed=7, samples=4)
            PictureStyle(4 pictures of INADE, 32 x 64)
        """
        layout = self._painter.read(labels, instances)
        seeds = seeds_of(seed, len(layout))
        drawn = self._painter.sample(layout, seeds=seeds, samples=samples)
        return PictureStyle(self._painter, layout, drawn, seeds, drawn=True)

    def encode(
        self, image: Given, labels: Given | Layout, instances: Given | None = None, *, seed: int | None = None
    ) -> PictureStyle:
        """Take the style from photographs: the most likely one, or with a seed, one drawn near it.

        Raises:
            ImageError, LabelError: if pictures or maps do not fit each other or the checkpoint.
            StyleError: if there is no encoder.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> synth.encode("photograph.png", "labels.png")
            PictureStyle(1 picture of INADE, 32 x 64)
        """
        layout = self._painter.read(labels, instances)
        found = self._painter.encode(read_image(image), layout, seed=seed)
        return PictureStyle(self._painter, layout, found, seeds_of(seed or 0, len(layout)), drawn=False)

    def style(self, path: str | Path) -> PictureStyle:
        """Read a style that `style.save(path)` has written.

        Raises:
            StyleError: if the file is none, or one of another system.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> synth.sample("labels.png").save("style.safetensors")
            >>> style = synth.style("style.safetensors")
        """
        return PictureStyle(**store.read(Path(path), self._painter))

    def __call__(
        self,
        labels: Given | Layout,
        style: PictureStyle | None = None,
        instances: Given | None = None,
        *,
        sketch: Given | None = None,
    ) -> Image:
        """Make the pictures, (b, 3, h, w) float32 in -1..1; without a style, of seed 0.

        One label map serves many styles, and one style many label maps. On other labels than the style's own, codes
        follow their classes or instances, and what is new is drawn: see `PictureStyle.on`. A `sketch` of lines is for
        systems that were trained with them.

        Raises:
            LabelError: if the maps do not fit the checkpoint.
            StyleError: if the style does not fit them.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> images = synth("labels.png", style)
            >>> images.shape, images.dtype
            (torch.Size([1, 3, 32, 64]), torch.float32)
        """
        if style is None:
            style = self.sample(labels, instances)
        carried = store.adopted(style, self._painter).on(labels, instances)
        lines = None if sketch is None else read_sketch(sketch)
        return self._painter.paint(carried.layout, carried.codes, lines)
