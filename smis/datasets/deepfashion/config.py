"""DeepFashion: settings, the eight classes of SMIS's parsing maps, and the file names of both releases."""

from typing import Any, ClassVar

from smis.datasets.io.pairing import FileLayout, paired
from smis.datasets.io.raw_files import open_files
from smis.datasets.io.raw_maps import Instances
from smis.datasets.io.release import TEST, TRAIN, ClassTable, Release, ReleaseConfig, ReleaseReader, Side

NAMES = ("background", "hair", "face", "top-clothes", "skin", "bottom-clothes", "shoes", "socks")

PALETTE = (
    (238, 240, 244),
    (110, 72, 55),
    (250, 190, 150),
    (64, 130, 196),
    (232, 150, 110),
    (72, 168, 122),
    (190, 62, 92),
    (244, 196, 66),
)
"""A color for showing each class's label."""


SMIS = FileLayout(
    title="SMIS: train/KEY.jpg with cihp_train_mask/KEY.png, and test",
    image=r"(?P<split>train|test)/(?P<key>[^/]+)\.(?:jpg|jpeg|png)",
    labels=r"cihp_(?P<split>train|test)_mask/(?P<key>[^/]+)\.png",
)
INADE = FileLayout(
    title="INADE: train_img/KEY.jpg with train_label/KEY.png and train_inst/KEY.png, and test",
    image=r"(?P<split>train|test)_img/(?P<key>[^/]+)\.(?:jpg|jpeg|png)",
    labels=r"(?P<split>train|test)_label/(?P<key>[^/]+)\.png",
    instances=r"(?P<split>train|test)_inst/(?P<key>[^/]+)\.png",
)
SPLITS = {"train": TRAIN, "test": TEST}


class Config(ReleaseConfig):
    """Eight classes at 256 x 256; `instances: given` for the version with two people, whose maps tell them apart.

    SMIS's release differs from what its paper used, and says not in what: there is no published number to compare with.
    """

    source: ClassVar[str] = (
        "github.com/Seanseattle/SMIS or github.com/tzt101/INADE (maps), mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html"
    )
    license: ClassVar[str] = "non-commercial research, by agreement with the MMLab of CUHK"
    citation: ClassVar[str] = (
        'Liu et al., "DeepFashion: Powering Robust Clothes Recognition and Retrieval with Rich Annotations" '
        "(CVPR 2016); "
        'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020); '
        'Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021)'
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {},
        "two_people": {"instances": "given"},
    }

    size: tuple[Side, Side] = (256, 256)
    instances: Instances = "classes"

    def build(self) -> ReleaseReader:
        """Find the files and return their reader.

        Raises:
            ParamsError: if there are none that are named as in a release.
        """
        files = open_files(self.root)
        found = paired(files, (SMIS, INADE), instances=self.instances == "given").in_splits(SPLITS)
        release = Release("deepfashion", files, found.entries, problems=found.problems)
        return ReleaseReader(release, self, ClassTable(NAMES, PALETTE))
