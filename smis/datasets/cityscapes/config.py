"""The section `datasets.cityscapes`, and how the release names its files."""

from typing import Any, ClassVar

from smis.datasets.cityscapes.classes import IGNORED, NAMES, PALETTE
from smis.datasets.io.files import open_files
from smis.datasets.io.instances import Instances
from smis.datasets.io.pairing import Layout, paired
from smis.datasets.io.reader import Classes, Reader, Release
from smis.datasets.io.section import TEST, TRAIN, Section, Side

OFFICIAL = Layout(
    title="leftImg8bit/train/CITY/KEY_leftImg8bit.png with gtFine/train/CITY/KEY_gtFine_labelIds.png, and val",
    image=r"leftImg8bit/(?P<split>train|val)/[^/]+/(?P<key>[^/]+)_leftImg8bit\.png",
    labels=r"gtFine/(?P<split>train|val)/[^/]+/(?P<key>[^/]+)_gtFine_labelIds\.png",
    instances=r"gtFine/(?P<split>train|val)/[^/]+/(?P<key>[^/]+)_gtFine_instanceIds\.png",
)
SPLITS = {"train": TRAIN, "val": TEST}
"""The labels of the official test split are not published: papers measure on val."""


class Config(Section):
    """35 label ids at 512 x 256 pixels, objects from the instance ids.

    INADE's instanceReIds are not read: they wrap above 255, and are made from what is read here.
    """

    source: ClassVar[str] = "www.cityscapes-dataset.com: leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip"
    license: ClassVar[str] = (
        "non-commercial: research, teaching, publications, personal experiments; after registration"
    )
    citation: ClassVar[str] = (
        'Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding" (CVPR 2016)'
    )
    published: ClassVar[dict[str, int]] = {TRAIN: 2975, TEST: 500}
    presets: ClassVar[dict[str, dict[str, Any]]] = {"published": {}}

    size: tuple[Side, Side] = (256, 512)
    instances: Instances = "given"

    def build(self) -> Reader:
        """Look for the files.

        Raises:
            ParamsError: if there are none that are named as in the release.
        """
        files = open_files(self.root)
        found = paired(files, (OFFICIAL,), instances=self.instances == "given").in_splits(SPLITS)
        release = Release("cityscapes", files, found.entries, problems=found.problems)
        return Reader(release, self, Classes(NAMES, PALETTE, IGNORED))
