"""COCO-Stuff: everyday photographs; classes as the label maps count them (the last is 255 there), and file names."""

from pathlib import Path

from smis.core.images import voc_color
from smis.datasets.io.file_reader import TEST, TRAIN, ClassTable, Side, read_classes
from smis.datasets.io.pairing import FileLayout
from smis.datasets.io.raw_maps import Identity, Instances
from smis.datasets.io.release import ReleaseConfig

NAMES, _ = read_classes(Path(__file__).with_name("classes.txt"))
PALETTE = tuple(voc_color(number) for number in range(len(NAMES)))
"""Colors of PASCAL VOC's rule, no two alike: the release has no list of its own. Its two tools shuffle a rainbow, each
with its own random generator, and that in Python (github.com/nightrome/cocostuffapi) leaves all things black."""
UNLABELED = 182
"""The id here of what the files have as 255."""


OFFICIAL = FileLayout(
    title="train2017/000000000009.jpg with the pixel maps' train2017/000000000009.png, and val2017",
    image=r"(?P<split>train|val)2017/(?P<key>\d{12})\.jpg",
    labels=r"(?P<split>train|val)2017/(?P<key>\d{12})\.png",
)
SPADE = FileLayout(
    title="SPADE: train_img/KEY.jpg with train_label/KEY.png and train_inst/KEY.png, and val",
    image=r"(?P<split>train|val)_img/(?P<key>[^/]+)\.jpg",
    labels=r"(?P<split>train|val)_label/(?P<key>[^/]+)\.png",
    instances=r"(?P<split>train|val)_inst/(?P<key>[^/]+)\.png",
)


class Config(ReleaseConfig):
    """182 classes and `unlabeled`, which is 255 in the files, at 256 x 256; `instances: given` has SPADE's maps."""

    name = "coco_stuff"
    layouts = (OFFICIAL, SPADE)
    class_table = ClassTable(NAMES, PALETTE, ignored=[UNLABELED])
    source = (
        "github.com/nightrome/cocostuff: stuffthingmaps_trainval2017.zip; cocodataset.org: images; "
        "github.com/NVlabs/SPADE: its layout, with maps of instances"
    )
    license = "annotations: CC BY 4.0; images: each under its own terms at Flickr"
    citation = (
        'Caesar et al., "COCO-Stuff: Thing and Stuff Classes in Context" (CVPR 2018); '
        'Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019)'
    )
    published = {TRAIN: 118287, TEST: 5000}
    presets = {
        "published": {"load_size": (286, 286)},
    }

    size: tuple[Side, Side] = (256, 256)
    instances: Instances = "classes"
    relabel: dict[Identity, Identity] = {255: UNLABELED}
