"""The section `datasets.ade20k`, and how the release names its files."""

from typing import Any, ClassVar

from smis.datasets.ade20k.classes import NAMES, PALETTE
from smis.datasets.io.files import open_files
from smis.datasets.io.instances import Instances
from smis.datasets.io.pairing import Layout, paired
from smis.datasets.io.reader import Classes, Reader, Release
from smis.datasets.io.section import TEST, TRAIN, Section, Side

_KEY = r"(?P<split>training|validation)/(?P<key>ADE_(?:train|val)_\d+)"
OFFICIAL = Layout(
    title="images/training/ADE_train_00000001.jpg with annotations/training/ADE_train_00000001.png, and validation",
    image=rf"images/{_KEY}\.jpg",
    labels=rf"annotations/{_KEY}\.png",
    instances=rf"instances/{_KEY}\.png",
)
SPLITS = {"training": TRAIN, "validation": TEST}


class Config(Section):
    """151 classes at 256 x 256: the ids of the annotations as they are, 0 for what has no class.

    The released code means to subtract one and throws the result away: the published networks know raw ids.

    `instances: given` reads instances/training/ADE_train_00000001.png, and validation, beside annotations/. The
    benchmark has no such folder: INADE's make_instances.py writes it, and INADE's code reads it. What is written says
    no more than `classes` does, the classes of a picture numbered anew; whoever has maps of objects puts them there.
    The annotations_instance/ of the Places Challenge 2017 (in colors, of 100 classes) is not read.
    """

    source: ClassVar[str] = "sceneparsing.csail.mit.edu: ADEChallengeData2016.zip"
    license: ClassVar[str] = "images: non-commercial research and education; annotations: BSD 3-clause"
    citation: ClassVar[str] = 'Zhou et al., "Scene Parsing through ADE20K Dataset" (CVPR 2017)'
    published: ClassVar[dict[str, int]] = {TRAIN: 20210, TEST: 2000}
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {"load_size": (286, 286)},
    }

    size: tuple[Side, Side] = (256, 256)
    instances: Instances = "classes"

    def build(self) -> Reader:
        """Look for the files.

        Raises:
            ParamsError: if there are none that are named as in the release.
        """
        files = open_files(self.root)
        found = paired(files, (OFFICIAL,), instances=self.instances == "given").in_splits(SPLITS)
        release = Release("ade20k", files, found.entries, problems=found.problems)
        return Reader(release, self, Classes(NAMES, PALETTE, ignored=[0]))
