"""Whose files a data set can be, and whom to cite for them."""

import pytest

from smis.datasets import coco_stuff, deepfashion


@pytest.mark.parametrize(
    ("config", "layout", "repository", "author"),
    [
        (deepfashion, deepfashion.SMIS, "github.com/Seanseattle/SMIS", "Zhu et al."),
        (deepfashion, deepfashion.INADE, "github.com/tzt101/INADE", "Tan et al."),
        (coco_stuff, coco_stuff.SPADE, "github.com/NVlabs/SPADE", "Park et al."),
    ],
)
def test_every_release_that_is_read_is_named_with_its_paper(config, layout, repository, author):
    assert layout.title.split(":")[0] == repository.split("/")[-1]
    assert repository in config.Config.source
    assert author in config.Config.citation
