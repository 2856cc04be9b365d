"""What the verbs that make pictures share: a style for each label map, pictures as files, the sheet."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from smis.cli import maps
from smis.core import contact_sheet
from smis.core.contact_sheet import Captioned, color_labels, columns, paint, tile
from smis.core.errors import StyleError
from smis.core.files import written
from smis.core.progress import ProgressBar
from smis.core.shapes import Picture
from smis.styles import ImageStyle, LabelLayout, Synthesizer, load, to_pictures
from smis.styles.inputs import read_image

_AT_ONCE = 8
_ROWS = 24
"""Label maps that a sheet shows."""


@dataclass(frozen=True)
class Made:
    """A style to paint, with a caption for each of its pictures."""

    captions: Sequence[str]
    style: ImageStyle


@dataclass(frozen=True)
class Shown:
    """A picture that is on the sheet only; of a label map, with the classes that are on it."""

    caption: str
    picture: Picture
    classes: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Source:
    """One label map, and what its pictures begin with: a photograph's style, or a drawn one."""

    synth: Synthesizer
    path: Path
    layout: LabelLayout
    image: Path | None
    seed: int

    @property
    def begun(self) -> str:
        """Say what the style is from."""
        return f"seed {self.seed}" if self.image is None else "encoded"

    def style(self, *, samples: int = 1) -> ImageStyle:
        """Encode the photograph, or draw."""
        if self.image is None:
            return self.synth.sample(self.layout, seed=self.seed, samples=samples)
        return self.synth.encode(self.image, self.layout)


Steps = Callable[[Source], Iterator[Made | Shown]]
"""What a verb makes and shows of a label map, from left to right."""


def make(
    chosen: argparse.Namespace, labels: Sequence[Path], steps_of: Callable[[Synthesizer, argparse.Namespace], Steps]
) -> None:
    """Make the pictures of every label map, then the sheet; of many, those that cannot have the style are left out.

    Raises:
        SmisError: if files do not fit the checkpoint, or no label map can have the style.
    """
    files = maps.label_files(labels)
    synth = load(chosen.checkpoint, device=chosen.device)
    folder, steps = _Folder(chosen.out, synth), steps_of(synth, chosen)
    left_out: dict[Path, StyleError] = {}
    with ProgressBar(chosen.verb, total=len(files), unit="label maps", visible=len(files) > 1) as bar:
        for path in files:
            try:
                folder.add(_source(synth, path, chosen, files=files), steps)
            except StyleError as error:
                left_out[path] = error
            bar.advance(note=path.name)
    if not folder.rows:
        raise left_out[files[0]]
    for path, error in left_out.items():
        print(f"left out {path}: {error}", file=sys.stderr)
    folder.finish(len(files) - len(left_out))


def sheet_tile(pixels: Picture, *, smooth: bool = True) -> Pictures.Image:
    """Make a tile of a sheet, of 128 to 256 pixels."""
    return tile(pixels, smallest=128, largest=256, smooth=smooth)


def shown(caption: str, image: Path) -> Shown:
    """Show a photograph."""
    return Shown(caption, to_pictures(read_image(image))[0])


def shown_map(caption: str, layout: LabelLayout, synth: Synthesizer) -> Shown:
    """Show a label map in its classes' colors."""
    ids = layout.labels[0].cpu().numpy().astype(np.uint8)
    return Shown(caption, color_labels(ids, synth.palette), classes=frozenset(np.unique(ids).tolist()))


def _source(synth: Synthesizer, path: Path, chosen: argparse.Namespace, *, files: Sequence[Path]) -> Source:
    instances, image = (
        maps.beside(given, path, maps=len(files), option=option)
        for option, given in (("--instance-maps", chosen.instance_maps), ("--image", chosen.image))
    )
    return Source(synth, path, synth.layout(path, instances), image, chosen.seed)


class _Folder:
    """Where the pictures go."""

    def __init__(self, out: Path, synth: Synthesizer) -> None:
        self._out, self._synth = out, synth
        self.rows: list[tuple[str, list[Captioned]]] = []
        self._classes: frozenset[int] = frozenset()
        self._pictures = 0

    def add(self, source: Source, steps: Steps) -> None:
        """Write one label map's pictures, and keep them for the sheet while it has room."""
        tiles: list[Captioned] = []
        number = 0
        for step in self._all(source, steps):
            if isinstance(step, Shown):
                tiles.append((step.caption, sheet_tile(step.picture, smooth=not step.classes)))
                self._classes |= step.classes if len(self.rows) < _ROWS else frozenset()
                continue
            for caption, picture in zip(step.captions, self._painted(step.style), strict=True):
                with written(self._out / f"{source.path.stem}_{number:02d}.png") as beside:
                    Pictures.fromarray(picture).save(beside, format="PNG")
                tiles.append((caption, sheet_tile(picture)))
                number += 1
        self._pictures += number
        if len(self.rows) < _ROWS:
            self.rows.append((source.path.stem, tiles))

    def finish(self, label_maps: int) -> None:
        """Write the sheet, and say what there is."""
        legend = [(self._synth.classes[number], self._synth.palette[number]) for number in sorted(self._classes)]
        note = f"the first {_ROWS} of {label_maps} label maps" if label_maps > _ROWS else ""
        titles, rows = zip(*self.rows, strict=True)
        sheet = paint(columns(rows), row_titles=titles, legend=legend, note=note)
        contact_sheet.save(self._out / "sheet.png", sheet)
        pictures = "1 picture" if self._pictures == 1 else f"{self._pictures} pictures"
        print(f"{pictures} of {label_maps} label map{'s' * (label_maps != 1)} in {self._out}, and sheet.png")

    def _all(self, source: Source, steps: Steps) -> Iterator[Made | Shown]:
        yield shown_map("labels", source.layout, self._synth)
        if source.image is not None:
            yield shown("photograph", source.image)
        yield from steps(source)

    def _painted(self, style: ImageStyle) -> Iterator[Picture]:
        for start in range(0, len(style), _AT_ONCE):
            part = style[start : start + _AT_ONCE]
            yield from to_pictures(self._synth(part.layout, part))
