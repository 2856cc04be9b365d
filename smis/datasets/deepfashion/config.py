"""The section `datasets.deepfashion`, and how the two releases name their files."""

from typing import Any, ClassVar

from smis.datasets.deepfashion.classes import NAMES, PALETTE
from smis.datasets.io.files import open_files
from smis.datasets.io.instances import Instances
from smis.datasets.io.pairing import Layout, paired
from smis.datasets.io.reader import Classes, Reader, Release
from smis.datasets.io.section import TEST, TRAIN, Section, Side

SMIS = Layout(
    title="SMIS: train/KEY.jpg with cihp_train_mask/KEY.png, and test",
    image=r"(?P<split>train|test)/(?P<key>[^/]+)\.(?:jpg|jpeg|png)",
    labels=r"cihp_(?P<split>train|test)_mask/(?P<key>[^/]+)\.png",
)
INADE = Layout(
    title="INADE: train_img/KEY.jpg with train_label/KEY.png and train_inst/KEY.png, and test",
    image=r"(?P<split>train|test)_img/(?P<key>[^/]+)\.(?:jpg|jpeg|png)",
    labels=r"(?P<split>train|test)_label/(?P<key>[^/]+)\.png",
    instances=r"(?P<split>train|test)_inst/(?P<key>[^/]+)\.png",
)
SPLITS = {"train": TRAIN, "test": TEST}


class Config(Section):
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

    def build(self) -> Reader:
        """Look for the files.

        Raises:
            ParamsError: if there are none that are named as in a release.
        """
        files = open_files(self.root)
        found = paired(files, (SMIS, INADE), instances=self.instances == "given").in_splits(SPLITS)
        release = Release("deepfashion", files, found.entries, problems=found.problems)
        return Reader(release, self, Classes(NAMES, PALETTE))
