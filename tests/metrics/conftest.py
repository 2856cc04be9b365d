import pytest

from smis.metrics import stlpips
from smis.metrics.perceptual_distance import PerceptualDistance


@pytest.fixture(scope="session")
def alex() -> PerceptualDistance:
    return stlpips.load("stlpips_alex")
