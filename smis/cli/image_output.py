"""What the verbs that make images share: files of label maps, the initial style, image files, the contact sheet."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image as Pictures

from smis.core import contact_sheet
from smis.core.contact_sheet import Captioned, color_labels, columns, paint, tile
from smis.core.errors import LabelError, ParamsError, StyleError
from smis.core.files import written
from smis.core.images import ENDINGS, MAP_ENDINGS, files_in
from smis.core.messages import escape, report
from smis.core.progress import ProgressBar
from smis.core.shapes import ImageArray
from smis.styles import ImageStyle, LabelLayout, Synthesizer, load, to_uint8
from smis.styles.inputs import read_image

_BATCH = 8
_SHEET_ROWS = 24
"""Label maps that a sheet shows."""


@dataclass(frozen=True)
class StyledImages:
    """A style whose images are written, with a caption for each image."""

    captions: Sequence[str]
    style: ImageStyle


@dataclass(frozen=True)
class SheetImage:
    """An image that is on the sheet only; of a label map, with the classes that are on it."""

    caption: str
    image: ImageArray
    classes: frozenset[int] = frozenset()


@dataclass(frozen=True)
class LabelMapInput:
    """One label map, and where the initial style comes from: a photograph to encode, or a seed."""

    synth: Synthesizer
    path: Path
    layout: LabelLayout
    image: Path | None
    seed: int
    exemplar: tuple[ImageStyle, SheetImage] | None
    """The style of the command's exemplar, and its photograph."""
    edited: tuple[Path, Path | None] | None
    """The changed label map of a verb that takes one, and its instance map."""

    @property
    def origin(self) -> str:
        """The caption of the initial style."""
        return f"seed {self.seed}" if self.image is None else "encoded"

    def style(self, *, samples: int = 1) -> ImageStyle:
        """Encode the photograph, or sample."""
        if self.image is None:
            return self.synth.sample(self.layout, seed=self.seed, samples=samples)
        return self.synth.encode(self.image, self.layout)


@dataclass(frozen=True)
class _InputFiles:
    """The files that belong to one label map."""

    path: Path
    instances: Path | None
    image: Path | None
    edited: tuple[Path, Path | None] | None

    @classmethod
    def of(cls, path: Path, options: argparse.Namespace, *, maps: int) -> Self:
        """Find them by the label map's name."""

        def matching(option: str, endings: Sequence[str] = MAP_ENDINGS) -> Path | None:
            given = getattr(options, option.strip("-").replace("-", "_").lower(), None)
            return matching_file(given, path, maps=maps, option=option, endings=endings)

        edited = matching("EDITED")
        pair = None if edited is None else (edited, matching("--edited-instance-maps"))
        return cls(path, matching("--instance-maps"), matching("--image", ENDINGS), pair)

    def check(self, synth: Synthesizer) -> None:
        """Refuse files that do not fit the checkpoint or each other."""
        synth.validate(self.path, self.instances, image=self.image)
        if self.edited is not None:
            synth.validate(*self.edited)


Columns = Callable[[LabelMapInput, argparse.Namespace], Iterator[StyledImages | SheetImage]]
"""What a verb makes and shows of a label map, from left to right."""


def run(options: argparse.Namespace, columns_of: Columns) -> None:
    """Write the images of every label map, then the sheet; label maps that cannot have the style are left out.

    Raises:
        SmisError: if files do not fit the checkpoint, or no label map can have the style.
    """
    files = label_files(options.labels)
    synth = load(options.checkpoint, device=options.device)
    inputs = {path: _InputFiles.of(path, options, maps=len(files)) for path in files}
    if len(files) > 1:  # nothing is written if one of them does not fit
        for each in inputs.values():
            each.check(synth)
    folder, exemplar = _OutputFolder(options.out, synth), _exemplar(synth, options)
    errors: dict[Path, StyleError] = {}
    with ProgressBar(options.verb, total=len(files), unit="label maps", visible=len(files) > 1) as bar:
        for path in files:
            instances, image = inputs[path].instances, inputs[path].image
            try:
                layout = synth.layout(path, instances)
                label_map = LabelMapInput(synth, path, layout, image, options.seed, exemplar, inputs[path].edited)
                folder.add(label_map, columns_of(label_map, options))
            except StyleError as error:
                errors[path] = error
            bar.advance(note=path.name)
    if not folder.rows:
        raise errors[files[0]]
    for path, error in errors.items():
        report(f"left out {path}: {error}")
    folder.finish(len(files) - len(errors))


def _exemplar(synth: Synthesizer, options: argparse.Namespace) -> tuple[ImageStyle, SheetImage] | None:
    """Encode the photograph of a verb that takes one."""
    files = getattr(options, "exemplar", None)
    if files is None:
        return None
    if len(files) not in (2, 3):
        option = options.exemplar_option
        raise ParamsError(f"{option} got {len(files)} file(s); give {option} IMAGE LABELS, or IMAGE LABELS INSTANCES")
    return synth.encode(*files), photograph("exemplar", files[0])


def label_files(paths: Sequence[Path]) -> list[Path]:
    """Return the label maps: files as they are, folders with all that may be maps; JPEG may not.

    Raises:
        LabelError: if there is none, or two have the same name and so would write the same images.
    """
    files: list[Path] = []
    for path in paths:
        inside = files_in(path, MAP_ENDINGS) if path.is_dir() else [path]
        if not inside:
            endings = ", ".join(MAP_ENDINGS)
            raise LabelError(f"there is no label map in {path}; give files that end in {endings}, or a folder of them")
        files += inside
    by_name: dict[str, Path] = {}
    for path in files:
        if path.stem in by_name:
            raise LabelError(f"{by_name[path.stem]} and {path} have one name; rename one, or give them one at a time")
        by_name[path.stem] = path
    return files


def matching_file(
    path: Path | None, labels: Path, *, maps: int, option: str, endings: Sequence[str] = MAP_ENDINGS
) -> Path | None:
    """Return the file that belongs to a label map: the only one, or that of its name in a folder.

    Raises:
        ParamsError: if there is none, or one file is given for many label maps.
    """
    if path is None:
        return None
    if path.is_dir():
        found = _by_stem(path, tuple(endings), path.stat().st_mtime_ns).get(labels.stem)
        if found is None:
            raise ParamsError(f"{path} has no {labels.stem}{endings[0]} for {labels}; name files like the label maps")
        return found
    if maps > 1:
        raise ParamsError(f"{option} is one file, but there are {maps} label maps; give a folder with a file for each")
    return path


@lru_cache(maxsize=8)
def _by_stem(folder: Path, endings: Sequence[str], changed: int) -> dict[str, Path]:
    """Return a folder's files by name without ending; of two, that with the first of `endings`."""
    files = sorted(files_in(folder, endings), key=lambda file: endings.index(file.suffix.lower()), reverse=True)
    return {file.stem: file for file in files}


def sheet_tile(pixels: ImageArray, *, smooth: bool = True) -> Pictures.Image:
    """Make a tile of a sheet, of 128 to 256 pixels."""
    return tile(pixels, smallest=128, largest=256, smooth=smooth)


def photograph(caption: str, path: Path) -> SheetImage:
    """Show a photograph."""
    return SheetImage(caption, to_uint8(read_image(path))[0])


def colored_map(caption: str, layout: LabelLayout, synth: Synthesizer) -> SheetImage:
    """Show a label map in its classes' colors."""
    ids = layout.labels[0].cpu().numpy().astype(np.uint8)
    return SheetImage(caption, color_labels(ids, synth.palette), classes=frozenset(np.unique(ids).tolist()))


class _OutputFolder:
    """Where the images and the sheet go."""

    def __init__(self, out: Path, synth: Synthesizer) -> None:
        self._out, self._synth = out, synth
        self.rows: list[tuple[str, list[Captioned]]] = []
        self._classes: frozenset[int] = frozenset()
        self._images = 0

    def add(self, label_map: LabelMapInput, columns: Iterator[StyledImages | SheetImage]) -> None:
        """Write one label map's images, and keep their tiles while the sheet has room."""
        tiles: list[Captioned] = []
        number = 0
        inputs = [colored_map("labels", label_map.layout, self._synth)]
        inputs += [photograph("photograph", label_map.image)] if label_map.image is not None else []
        for column in chain(inputs, columns):
            if isinstance(column, SheetImage):
                tiles.append((column.caption, sheet_tile(column.image, smooth=not column.classes)))
                self._classes |= column.classes if len(self.rows) < _SHEET_ROWS else frozenset()
                continue
            for caption, image in zip(column.captions, self._synthesize(column.style), strict=True):
                with written(self._out / f"{label_map.path.stem}_{number:02d}.png") as beside:
                    Pictures.fromarray(image).save(beside, format="PNG")
                tiles.append((caption, sheet_tile(image)))
                number += 1
        self._images += number
        if len(self.rows) < _SHEET_ROWS:
            self.rows.append((label_map.path.stem, tiles))

    def finish(self, label_maps: int) -> None:
        """Write the sheet, and print what was written."""
        legend = [(self._synth.classes[number], self._synth.palette[number]) for number in sorted(self._classes)]
        note = f"the first {_SHEET_ROWS} of {label_maps} label maps" if label_maps > _SHEET_ROWS else ""
        titles, rows = zip(*self.rows, strict=True)
        contact_sheet.save(self._out / "sheet.png", paint(columns(rows), row_titles=titles, legend=legend, note=note))
        images = "1 image" if self._images == 1 else f"{self._images} images"
        print(f"{images} of {label_maps} label map{'s' * (label_maps != 1)} in {escape(str(self._out))}, and sheet.png")

    def _synthesize(self, style: ImageStyle) -> Iterator[ImageArray]:
        for start in range(0, len(style), _BATCH):
            batch = style[start : start + _BATCH]
            yield from to_uint8(self._synth(batch.layout, batch))
