import numpy as np
import torch

from smis.core.images import to_image, to_signed
from smis.metrics.image.features import in_batches
from smis.metrics.image.lpips import PerceptualDistance


def test_pictures_become_what_the_loader_makes_of_them() -> None:
    pictures = np.arange(256, dtype=np.uint8).repeat(3).reshape(2, 16, 8, 3)
    assert torch.equal(to_image(pictures), torch.from_numpy(to_signed(pictures)))


def test_batches_make_no_difference(alex: PerceptualDistance) -> None:
    image = torch.rand(5, 3, 32, 32) * 2 - 1
    for whole, parts in zip(alex.features(image), in_batches(alex.features, image, batch=2), strict=True):
        torch.testing.assert_close(whole, parts, rtol=1e-5, atol=1e-6)
