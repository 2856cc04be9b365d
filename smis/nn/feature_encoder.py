"""The encoder of pix2pixHD: a few numbers for each instance that say how it looks."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.core.shapes import Image, InstanceMap
from smis.nn.global_generator import doubled, halved, instance_norm, painted


class FeatureEncoder(nn.Module):
    """Turn an image into features of its own size and average them over each instance.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.4.
    Both sides are multiples of 2**downsamplings.
    """

    def __init__(self, features: int = 3, *, width: int = 16, downsamplings: int = 4) -> None:
        super().__init__()
        self.features = features
        self.model = nn.Sequential(
            *halved(3, width=width, times=downsamplings, normalize=instance_norm),
            *doubled(width * 2**downsamplings, times=downsamplings, normalize=instance_norm),
            *painted(width, channels=features),
        )

    def forward(self, image: Image, instances: InstanceMap, *, slots: int) -> Float[Tensor, "b slots f"]:
        """Return each instance's features in -1..1; those of an empty slot are 0."""
        places = self.model(image).flatten(2).transpose(1, 2)
        owners = instances.flatten(1)
        sums = places.new_zeros(len(image), slots, places.shape[2])
        sums = sums.scatter_add(1, owners.unsqueeze(2).expand_as(places), places)
        counts = places.new_zeros(len(image), slots).scatter_add(1, owners, torch.ones_like(places[:, :, 0]))
        return sums / counts.clamp(min=1).unsqueeze(2)


def laid_out(features: Float[Tensor, "b slots f"], instances: Int[Tensor, "#b h w"]) -> Float[Tensor, "b f h w"]:
    """Give each place the features of its instance."""
    batch, (height, width) = len(features), instances.shape[1:]
    owners = instances.expand(batch, -1, -1).flatten(1).unsqueeze(2).expand(-1, -1, features.shape[2])
    return features.gather(1, owners).transpose(1, 2).unflatten(2, (height, width))
