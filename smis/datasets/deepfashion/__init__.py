"""DeepFashion: people in clothes; the eight classes of SMIS's parsing maps, and the file names of both releases."""

from smis.datasets.io.file_reader import ClassTable, Side
from smis.datasets.io.human_parsing import NAMES, PALETTE
from smis.datasets.io.pairing import FileLayout
from smis.datasets.io.raw_maps import Instances
from smis.datasets.io.release import ReleaseConfig

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


class Config(ReleaseConfig):
    """Eight classes at 256 x 256; `instances: given` for the version with two people, whose maps tell them apart.

    SMIS's release differs from what its paper used, and says not in what: there is no published number to compare with.
    """

    name = "deepfashion"
    layouts = (SMIS, INADE)
    class_table = ClassTable(NAMES, PALETTE)
    source = (
        "github.com/Seanseattle/SMIS or github.com/tzt101/INADE (maps), mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html"
    )
    license = "non-commercial research, by agreement with the MMLab of CUHK"
    citation = (
        'Liu et al., "DeepFashion: Powering Robust Clothes Recognition and Retrieval with Rich Annotations" '
        "(CVPR 2016); "
        'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020); '
        'Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021)'
    )
    presets = {
        "published": {},
        "two_people": {"instances": "given"},
    }

    size: tuple[Side, Side] = (256, 256)
    instances: Instances = "classes"
