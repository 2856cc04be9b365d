"""Where one instance meets another."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def instance_edges(instances: Int[Tensor, "b h w"]) -> Float[Tensor, "b 1 h w"]:
    """Mark with 1 each pixel one of whose four neighbors belongs to another instance: both sides of a boundary.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.3.
    """
    edges = torch.zeros_like(instances, dtype=torch.bool)
    across = instances[:, :, 1:] != instances[:, :, :-1]
    down = instances[:, 1:, :] != instances[:, :-1, :]
    edges[:, :, 1:] |= across
    edges[:, :, :-1] |= across
    edges[:, 1:, :] |= down
    edges[:, :-1, :] |= down
    return edges.unsqueeze(1).float()
