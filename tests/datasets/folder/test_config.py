import pytest

from smis.core.errors import ParamsError
from smis.core.images import voc_color
from smis.datasets.folder import Config, described

SECTION = {"root": "photos", "classes": ["sky", "tree"], "size": [32, 48]}


def test_an_ignored_id_becomes_one_more_class():
    classes = described(["sky", "tree"], None, ignore=255)
    assert classes.names == ["sky", "tree", "unlabeled"]
    assert classes.ignored == [2]
    assert len(classes.palette) == 3


def test_colors_are_made_up_as_voc_has_them():
    assert [voc_color(number) for number in (0, 1, 2, 15)] == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (192, 128, 128)]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"ignore": 1}, "datasets.folder.ignore: .*id 1 is class 'tree' already"),
        ({"palette": [[0, 0, 0]]}, "palette has 1 colors for 2 classes"),
        ({"stride": 8}, "stride says how far apart tiles are, but no tile is given"),
        ({"validation": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"size": [0, 8]}, r"size\.0: Input should be greater than 0"),
        ({"classes": []}, "at least 1 item"),
    ],
)
def test_a_section_that_cannot_be_says_why(section, message):
    with pytest.raises(ParamsError, match=message):
        Config.check(SECTION | section, source="params.yaml", at="datasets.folder")
