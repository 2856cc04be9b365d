"""ADE20K: scenes in and out of doors; classes (0 for what has no class, then the benchmark's 150), and file names."""

from pathlib import Path

from smis.datasets.io.file_reader import TEST, TRAIN, ClassTable, Side, read_classes
from smis.datasets.io.pairing import FileLayout
from smis.datasets.io.raw_maps import Instances
from smis.datasets.io.release import ReleaseConfig

NAMES, PALETTE = read_classes(Path(__file__).with_name("classes.txt"))
"""The official colors of color150.mat in the benchmark's toolkit (github.com/CSAILVision/sceneparsing), as DeepLab and
MMSegmentation repeat them, after black for what has no class. A road and a skyscraper have the same there."""


_KEY = r"(?P<split>training|validation)/(?P<key>ADE_(?:train|val)_\d+)"
OFFICIAL = FileLayout(
    title="images/training/ADE_train_00000001.jpg with annotations/training/ADE_train_00000001.png, and validation",
    image=rf"images/{_KEY}\.jpg",
    labels=rf"annotations/{_KEY}\.png",
    instances=rf"instances/{_KEY}\.png",
)


class Config(ReleaseConfig):
    """151 classes at 256 x 256: the ids of the annotations as they are, 0 for what has no class.

    The released code means to subtract one and throws the result away: the published networks know raw ids.

    `instances: given` reads instances/training/ADE_train_00000001.png, and validation, beside annotations/. The
    benchmark has no such folder: INADE's make_instances.py writes it, and INADE's code reads it. What is written says
    no more than `classes` does, the classes of an image numbered anew; whoever has maps of objects puts them there.
    The annotations_instance/ of the Places Challenge 2017 (in colors, of 100 classes) is not read.
    """

    name = "ade20k"
    layouts = (OFFICIAL,)
    class_table = ClassTable(NAMES, PALETTE, ignored=[0])
    source = "sceneparsing.csail.mit.edu: ADEChallengeData2016.zip"
    license = "images: non-commercial research and education; annotations: BSD 3-clause"
    citation = 'Zhou et al., "Scene Parsing through ADE20K Dataset" (CVPR 2017)'
    published = {TRAIN: 20210, TEST: 2000}
    presets = {
        "published": {"load_size": (286, 286)},
    }

    size: tuple[Side, Side] = (256, 256)
    instances: Instances = "classes"
