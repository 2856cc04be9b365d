"""The encoder of GroupDNet: one small network for each class, side by side in grouped convolutions."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.nn.spectral import spectral


class GroupEncoder(nn.Module):
    """Encode each class's own image as mean and log-variance of its own latent map.

    Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 3.2. The input has three channels for each
    group, and each layer halves its size; class n of the output has the channels n * latent ... (n + 1) * latent - 1.
    """

    def __init__(self, *, channels: int, width: int, latent: int, groups: int, layers: int = 6) -> None:
        super().__init__()
        self.layers = layers
        for layer in range(layers):
            before, channels = channels, width * min(2**layer, 8)
            conv = spectral(nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False, groups=groups))
            self.add_module(f"layer{layer + 1}", nn.Sequential(conv, nn.InstanceNorm2d(channels)))
        self.fc_mu = nn.Conv2d(channels, latent, 3, padding=1, groups=groups)
        self.fc_var = nn.Conv2d(channels, latent, 3, padding=1, groups=groups)

    def forward(self, crops: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b z sh sw"], Float[Tensor, "b z sh sw"]]:
        """Return mean and log-variance."""
        x = crops
        for layer in range(self.layers):
            x = F.leaky_relu(self.get_submodule(f"layer{layer + 1}")(x), 0.2)
        return self.fc_mu(x), self.fc_var(x)
