"""The section `datasets.coco_stuff`, and how the releases name their files."""

from typing import Any, ClassVar

from smis.datasets.coco_stuff.classes import NAMES, PALETTE, UNLABELED
from smis.datasets.io.files import open_files
from smis.datasets.io.instances import Instances
from smis.datasets.io.pairing import Layout, paired
from smis.datasets.io.reader import Classes, Reader, Release
from smis.datasets.io.section import TEST, TRAIN, Identity, Section, Side

OFFICIAL = Layout(
    title="train2017/000000000009.jpg with the pixel maps' train2017/000000000009.png, and val2017",
    image=r"(?P<split>train|val)2017/(?P<key>\d{12})\.jpg",
    labels=r"(?P<split>train|val)2017/(?P<key>\d{12})\.png",
)
SPADE = Layout(
    title="SPADE: train_img/KEY.jpg with train_label/KEY.png and train_inst/KEY.png, and val",
    image=r"(?P<split>train|val)_img/(?P<key>[^/]+)\.jpg",
    labels=r"(?P<split>train|val)_label/(?P<key>[^/]+)\.png",
    instances=r"(?P<split>train|val)_inst/(?P<key>[^/]+)\.png",
)
SPLITS = {"train": TRAIN, "val": TEST}


class Config(Section):
    """182 classes and `unlabeled`, which is 255 in the files, at 256 x 256; `instances: given` has SPADE's maps."""

    source: ClassVar[str] = (
        "github.com/nightrome/cocostuff: stuffthingmaps_trainval2017.zip; cocodataset.org: images; "
        "github.com/NVlabs/SPADE: its layout, with maps of instances"
    )
    license: ClassVar[str] = "annotations: CC BY 4.0; images: each under its own terms at Flickr"
    citation: ClassVar[str] = (
        'Caesar et al., "COCO-Stuff: Thing and Stuff Classes in Context" (CVPR 2018); '
        'Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019)'
    )
    published: ClassVar[dict[str, int]] = {TRAIN: 118287, TEST: 5000}
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {"load_size": (286, 286)},
    }

    size: tuple[Side, Side] = (256, 256)
    instances: Instances = "classes"
    relabel: dict[Identity, Identity] = {255: UNLABELED}

    def build(self) -> Reader:
        """Look for the files.

        Raises:
            ParamsError: if there are none that are named as in a release.
        """
        files = open_files(self.root)
        found = paired(files, (OFFICIAL, SPADE), instances=self.instances == "given").in_splits(SPLITS)
        release = Release("coco_stuff", files, found.entries, problems=found.problems)
        return Reader(release, self, Classes(NAMES, PALETTE, ignored=[UNLABELED]))
