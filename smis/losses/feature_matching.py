"""Match what the discriminator sees in generated and in real images."""

import torch.nn.functional as F
from torch import Tensor

from smis.nn.patch_discriminator import Verdicts


def feature_matching(fake: Verdicts, real: Verdicts, *, first: int = 0) -> Tensor:
    """Compare all but the last layer's outputs by mean absolute difference: summed over layers, averaged over scales.

    Wang et al. (CVPR 2018), Eq. 4. `first` leaves out the layers before it (INADE starts at 3).
    """
    terms = [
        F.l1_loss(ours, theirs.detach())
        for fake_scale, real_scale in zip(fake, real, strict=True)
        for ours, theirs in zip(fake_scale[first:-1], real_scale[first:-1], strict=True)
    ]
    return sum(terms, start=fake[0][-1].new_zeros(())) / len(fake)
