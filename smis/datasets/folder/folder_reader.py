"""A folder of labeled images -> samples of one size: whole images, or tiles of them."""

import numpy as np
from numpy import ndarray
from PIL import Image

from smis.core.sample import Sample
from smis.datasets.folder.config import Config, classes_file, described
from smis.datasets.folder.folder_splits import WHOLE, pairs, split_up, unpaired
from smis.datasets.io import raw_images
from smis.datasets.io.pairing import SampleFiles
from smis.datasets.io.raw_files import open_files
from smis.datasets.io.raw_images import resize_ids, resize_image
from smis.datasets.io.raw_maps import MapReader
from smis.datasets.io.release import OF_FILES, TRAIN


class FolderReader:
    """Reads images one by one, by split and number; it travels to other processes as it is."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._files = open_files(config.root)
        names, colors = (config.classes, config.palette) if config.classes else classes_file(self._files)
        classes = described(names, colors, ignore=config.ignore)
        self.classes, self.palette, self.ignored = list(classes.names), list(classes.palette), classes.ignored
        self.crop = config.size if config.load_size else None
        self.warnings: list[str] = []
        found = pairs(self._files, given=None if config.instances is None else config.instances == "given")
        cut = split_up(found, self._files, config)
        self._pieces = {split: pieces for split, pieces in cut.items() if len(pieces)}
        self.problems = [*unpaired(found, config), *(problem for pieces in cut.values() for problem in pieces.problems)]
        self._maps = self._map_reader(len(names))
        stamp = self._files.stamp(name for entry in found.entries.get(WHOLE, ()) for name in entry.files)
        self.fingerprint = f"{stamp} {config.model_dump_json()}"
        self.settings = config.model_dump_json(exclude=OF_FILES)
        self._latest: tuple[str, tuple[Image.Image, ndarray, ndarray | None]] | None = None

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the splits that have samples."""
        return tuple(self._pieces)

    def count(self, split: str) -> int:
        """Return the number of samples in a split."""
        return len(self._pieces[split])

    def key(self, split: str, index: int, /) -> str:
        """Return a sample's key."""
        return self._pieces[split][index][0]

    def source(self, split: str, index: int, /) -> str:
        """Return split, key and a stamp of the files."""
        key, entry, _ = self._pieces[split][index]
        return f"{split} {key} {self._files.stamp(entry.files)}"

    def read(self, split: str, index: int, /) -> Sample:
        """Read one sample.

        Raises:
            ImageError, LabelError: if one of its files is broken or does not fit the others.
        """
        (key, entry, box), config = self._pieces[split][index], self._config
        size = config.load_size if split == TRAIN and config.load_size else config.size
        image, labels, given = self._opened(entry)
        labels = resize_ids(labels, size, box=box)
        given = None if given is None else resize_ids(given, size, box=box)
        return Sample(
            key=key,
            split=split,
            image=resize_image(image, size, box=box),
            labels=labels.astype(np.uint8),
            instances=self._maps.instances(labels, given, entry),
        )

    def _map_reader(self, named: int) -> MapReader:
        ignore = self._config.ignore
        return MapReader(
            self._files,
            len(self.classes),
            self._config.instances or "classes",
            {} if ignore is None else {ignore: named},
            remedy="was {high} left in as 'unlabeled'? set datasets.folder.ignore: {high}" * (ignore is None),
        )

    def _opened(self, entry: SampleFiles) -> tuple[Image.Image, ndarray, ndarray | None]:
        """Read an image's files, it upright; the last ones are kept, for the next tile of the same image."""
        if self._latest is None or self._latest[0] != entry.key:
            image = raw_images.read_image(self._files, entry.image, upright=True)
            self._latest = entry.key, (image, *self._maps.read(entry, size=(image.height, image.width)))
        return self._latest[1]
