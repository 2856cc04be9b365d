"""The published files of a data set: settings, splits, and what differs from the release."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, ClassVar

from numpy import ndarray
from pydantic import Field

from smis.core.errors import ParamsError
from smis.datasets.io.file_reader import TEST, TRAIN, VALIDATION, ClassTable, FileReader, FilesConfig, Side
from smis.datasets.io.pairing import FileLayout, SampleFilesTable, paired, split_off
from smis.datasets.io.problems import Problem, as_error
from smis.datasets.io.raw_files import MultiRoot, open_files
from smis.datasets.io.raw_maps import Identity, Instances, MapReader, check_relabel, one_map

_SPLITS = {"train": TRAIN, "training": TRAIN, "val": TEST, "validation": TEST, "test": TEST}
"""Our splits by the names in releases: where the labels for tests are not published, papers measure on `val`."""


class ReleaseConfig(FilesConfig):
    """Resize images with Pillow's bicubic filter and maps with its nearest, as the released code does."""

    name: ClassVar[str]
    """Of the data set, as in params.yaml."""
    layouts: ClassVar[Sequence[FileLayout]]
    """How files are named; the one that most images fit is taken."""
    class_table: ClassVar[ClassTable]
    published: ClassVar[dict[str, int]] = {}
    """How many images the release has, by split (ours), or in `all`."""
    sizes_agree: ClassVar[bool] = True
    """False where maps are smaller than their images, but of their shape."""

    size: tuple[Side, Side]
    """Height and width that systems see (the released `crop_size`); other images than for training are resized to
    it."""
    load_size: tuple[Side, Side] | None = None
    """Training images are resized to this, and in each epoch another place of `size` is cut from them; where null,
    they are resized to `size`."""
    instances: Instances
    relabel: dict[Identity, Identity] = {}
    """Ids in the files that are other classes here: "don't care" has to become one, {255: 0} for example."""
    validation: Annotated[int, Field(ge=0)] = 64
    """Training images that are looked at and never trained on, where the release has no third split."""
    seed: int = 0
    """Decides which images validation takes."""

    def build(self) -> FileReader:
        """Find the files and return their reader.

        Raises:
            ParamsError: if there are none that are named as in a release.
        """
        files = open_files(self.root)
        found = paired(files, self.layouts, instances=self.instances == "given")
        entries = {_SPLITS[split]: of_split for split, of_split in found.entries.items()}
        problems = [Problem(each.key, _SPLITS[each.split], each.why) for each in found.problems]
        return self.reader(files, entries, problems)

    def reader(
        self,
        files: MultiRoot,
        entries: Mapping[str, SampleFilesTable],
        problems: Sequence[Problem],
        *,
        read_labels: Callable[[MultiRoot, Sequence[str]], ndarray] = one_map,
    ) -> FileReader:
        """Return the reader of these files, by our splits."""
        check_relabel(self.relabel, classes=len(self.class_table.names), setting=f"datasets.{self.name}.relabel")
        maps = MapReader(
            files,
            len(self.class_table.names),
            self.instances,
            self.relabel,
            remedy=f'is {{high}} "don\'t care"? set datasets.{self.name}.relabel: {{{{{{high}}: 0}}}}',
            setting=f"datasets.{self.name}.relabel",
            read_labels=read_labels,
            sizes_agree=self.sizes_agree,
        )
        samples = self._with_validation(entries, problems)
        return FileReader(
            self,
            self.class_table,
            maps,
            samples=samples,
            stamp=files.stamp(name for found in samples.values() for entry in found for name in entry.files),
            problems=problems,
            warnings=self._miscounted(entries),
        )

    def _with_validation(
        self, entries: Mapping[str, SampleFilesTable], problems: Sequence[Problem]
    ) -> dict[str, SampleFilesTable]:
        """Take images for validation from those for training, where the release has no third split."""
        train, taken, test = (entries.get(split, SampleFilesTable()) for split in (TRAIN, VALIDATION, TEST))
        count = self.validation
        if not taken and count:
            if count >= len(train):
                if problems:
                    raise as_error(problems, name=self.name, pictures=len(problems) + len(train))
                there = f"there are {len(train)} training pictures"
                raise ParamsError(f"datasets.{self.name}.validation is {count}, but {there}; leave some to train on")
            train, taken = split_off(train, count, seed=self.seed)
        return {TRAIN: train, VALIDATION: taken, TEST: test}

    def _miscounted(self, entries: Mapping[str, SampleFilesTable]) -> list[str]:
        """Say where there are more or fewer images than the release has."""
        counts = {split: len(found) for split, found in entries.items()}
        counts["all"] = sum(counts.values())
        return [
            f"{self.name} has {found:,} {'picture' if found == 1 else 'pictures'} in {split}, but {wanted:,} are "
            "published; is the download whole?"
            for split, wanted in self.published.items()
            if (found := counts.get(split, 0)) != wanted
        ]
