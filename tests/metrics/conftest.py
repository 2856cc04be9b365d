import pytest

from smis.metrics.image import stlpips
from smis.metrics.image.perceptual_distance import PerceptualDistance


@pytest.fixture(scope="session")
def alex() -> PerceptualDistance:
    return stlpips.load("stlpips_alex")
