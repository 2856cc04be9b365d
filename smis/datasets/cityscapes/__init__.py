"""Cityscapes: streets seen from a car; 34 label ids (license plates, officially -1, come last), and file names."""

from pathlib import Path

from smis.datasets.io.file_reader import TEST, TRAIN, ClassTable, Side, read_classes
from smis.datasets.io.pairing import FileLayout
from smis.datasets.io.raw_maps import Instances
from smis.datasets.io.release import ReleaseConfig

NAMES, PALETTE = read_classes(Path(__file__).with_name("classes.txt"))
IGNORED = (0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30, 34)
"""What the official evaluation leaves out: 19 classes count."""


OFFICIAL = FileLayout(
    title="leftImg8bit/train/CITY/KEY_leftImg8bit.png with gtFine/train/CITY/KEY_gtFine_labelIds.png, and val",
    image=r"leftImg8bit/(?P<split>train|val)/[^/]+/(?P<key>[^/]+)_leftImg8bit\.png",
    labels=r"gtFine/(?P<split>train|val)/[^/]+/(?P<key>[^/]+)_gtFine_labelIds\.png",
    instances=r"gtFine/(?P<split>train|val)/[^/]+/(?P<key>[^/]+)_gtFine_instanceIds\.png",
)


class Config(ReleaseConfig):
    """35 label ids at 512 x 256 pixels, objects from the instance ids.

    INADE's instanceReIds are not read: they wrap above 255, and are made from what is read here.
    """

    name = "cityscapes"
    layouts = (OFFICIAL,)
    class_table = ClassTable(NAMES, PALETTE, IGNORED)
    source = "www.cityscapes-dataset.com: leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip"
    license = "non-commercial: research, teaching, publications, personal experiments; after registration"
    citation = 'Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding" (CVPR 2016)'
    published = {TRAIN: 2975, TEST: 500}
    presets = {"published": {}}

    size: tuple[Side, Side] = (256, 512)
    instances: Instances = "given"
