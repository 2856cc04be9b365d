"""The section `datasets.celebamask`."""

from typing import Any, ClassVar, Literal

from smis.datasets.celebamask.classes import NAMES, PALETTE
from smis.datasets.celebamask.parts import merged, whole_release
from smis.datasets.io.files import open_files
from smis.datasets.io.instances import Instances
from smis.datasets.io.pairing import Layout, paired
from smis.datasets.io.reader import Classes, Reader, Release
from smis.datasets.io.section import TEST, TRAIN, Section, Side

INADE = Layout(
    title="INADE: train/images/KEY.jpg with train/labels/KEY.png and train/instances/KEY.png, and test",
    image=r"(?P<split>train|test)/images/(?P<key>[^/]+)\.jpg",
    labels=r"(?P<split>train|test)/labels/(?P<key>[^/]+)\.png",
    instances=r"(?P<split>train|test)/instances/(?P<key>[^/]+)\.png",
)
SPLITS = {"train": TRAIN, "test": TEST}

Division = Literal["celeba", "last_2000"]


class Config(Section):
    """19 classes at 256 x 256, merged from a mask for each part; a later part of the list covers an earlier one."""

    source: ClassVar[str] = "github.com/switchablenorms/CelebAMask-HQ: CelebAMask-HQ.zip"
    license: ClassVar[str] = "non-commercial research and education; not to be passed on"
    citation: ClassVar[str] = (
        'Lee et al., "MaskGAN: Toward Diverse and Interactive Facial Image Manipulation" (CVPR 2020)'
    )
    published: ClassVar[dict[str, int]] = {"all": 30000}
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {"load_size": (286, 286)},
    }

    size: tuple[Side, Side] = (256, 256)
    instances: Instances = "classes"
    layout: Literal["parts", "inade"] = "parts"
    """The release, or folders with merged maps as INADE's code reads them."""
    division: Division = "celeba"
    """CelebA's own splits, as the release's g_partition.py has them; or the last 2,000 pictures are for tests."""

    def build(self) -> Reader:
        """Look for the files.

        Raises:
            ParamsError: if there are none that are named as in the release, or no list says which split each is in.
        """
        files, classes = open_files(self.root), Classes(NAMES, PALETTE)
        if self.layout == "parts":
            entries, problems = whole_release(files, division=self.division, instances=self.instances)
            release = Release("celebamask", files, entries, problems, read_labels=merged, sizes_agree=False)
            return Reader(release, self, classes)
        found = paired(files, (INADE,), instances=self.instances == "given").in_splits(SPLITS)
        release = Release("celebamask", files, found.entries, found.problems, sizes_agree=False)
        return Reader(release, self, classes)
