import pytest

from smis.metrics.image import lpips
from smis.metrics.image.lpips import PerceptualDistance


@pytest.fixture(scope="session")
def alex() -> PerceptualDistance:
    return lpips.load("stlpips_alex")
