"""Our KID against torchmetrics', on the same features and subsets."""

import pytest
import torch
from torch import nn
from torchmetrics.image.kid import KernelInceptionDistance

from smis.metrics import kid
from smis.metrics.image.result import Bootstrap


class Given(nn.Module):
    """Stands for a network: images are their features."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.flatten(1)


def vectors(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 48, generator=torch.Generator().manual_seed(seed)) + 0.1 * seed


@pytest.mark.filterwarnings("ignore")
def test_the_value_equals_torchmetrics(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = vectors(120, seed=1), vectors(90, seed=2)
    theirs = KernelInceptionDistance(feature=Given(), subsets=12, subset_size=50)
    for features, is_real in ((real, True), (fake, False)):
        theirs.update(features.reshape(-1, 3, 4, 4), real=is_real)
    drawn = [kid.subsets(n, size=n, count=12, seed=0, side=side) for n, side in ((120, "real"), (90, "fake"))]
    order = iter([rows for pair in zip(*drawn, strict=True) for rows in pair])
    with monkeypatch.context() as patched:
        patched.setattr("torchmetrics.image.kid.torch.randperm", lambda n: next(order))
        mean, _ = theirs.compute()

    ours = kid.KernelDistance("kid", {}, count=12, size=50)
    ours.update_real(real)
    ours.update(fake)
    result = ours.compute(Bootstrap(10))
    assert result.value == pytest.approx(float(mean), rel=1e-4)
