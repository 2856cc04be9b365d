"""SPADE's sizes, and that nothing varies; `tests/references/test_spade_release.py` has its numbers."""

import pytest

from smis.core.errors import ParamsError
from smis.models.spade import Config


def test_a_size_that_doubling_does_not_reach_is_refused():
    config = Config.model_validate({"preset": "paperdoll"})
    with pytest.raises(ParamsError, match=r"32 x 40 cannot be reached by 4 doublings"):
        config.build(classes=3, height=32, width=40, training=False)
