"""The encoder of GroupDNet: one small network for each class, side by side in grouped convolutions."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.nn.class_axes import ClassAxis, TensorAxes, convolution_axes
from smis.nn.class_crops import Crops
from smis.nn.spectral_norm import spectral_norm


class GroupConv2d(nn.Conv2d):
    """Convolve each group by itself; the input may be that of any list of groups instead of all in their order.

    Example:
        >>> import torch
        >>> layer, x = GroupConv2d(4, 6, 3, padding=1, groups=2), torch.rand(1, 4, 5, 5)
        >>> torch.allclose(layer(x[:, 2:], torch.tensor([1])), layer(x)[:, 3:], atol=1e-5)
        True
    """

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Float[Tensor, "n i h w"], which: Int[Tensor, " g"] | None = None
    ) -> Float[Tensor, "n o y x"]:
        """Convolve the groups `which`, in that order, with repetitions; x has their channels and no others."""
        if which is None:
            return super().forward(x)
        weight = self.weight.unflatten(0, (self.groups, -1)).index_select(0, which).flatten(0, 1)
        bias = None if self.bias is None else self.bias.view(self.groups, -1).index_select(0, which).flatten()
        return F.conv2d(x, weight, bias, self.stride, self.padding, groups=len(which))


class GroupEncoder(nn.Module):
    """Encode each class's own image as mean and log-variance of its own latent map.

    Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 3.2. Each layer halves the size.

    An absent class is a zero image, which convolutions without bias and instance normalization leave at exactly 0, so
    its code is the heads' bias. Only classes that are present are computed: cost and memory follow them.

    Example:
        >>> import torch
        >>> from smis.nn.class_crops import class_crops
        >>> encoder = GroupEncoder(classes=3, width=6, latent=2, layers=2)
        >>> crops = class_crops(torch.rand(1, 3, 16, 16), torch.zeros(1, 16, 16, dtype=torch.long), classes=3)
        >>> mean, log_variance = encoder(crops)
        >>> mean.shape, bool((mean[0, 2] == encoder.fc_mu.bias[4:].view(2, 1, 1)).all())
        (torch.Size([1, 3, 2, 4, 4]), True)
    """

    def __init__(self, *, classes: int, width: int, latent: int, layers: int = 6) -> None:
        """Build it for `width` channels after the first layer and `latent` channels of each class's latent."""
        super().__init__()
        self.classes, self.latent, self.layers = classes, latent, layers
        channels = 3 * classes
        for layer in range(layers):
            before, channels = channels, width * min(2**layer, 8)
            conv = spectral_norm(GroupConv2d(before, channels, 3, stride=2, padding=1, bias=False, groups=classes))
            self.add_module(f"layer{layer + 1}", nn.Sequential(conv, nn.InstanceNorm2d(channels)))
        self.fc_mu = GroupConv2d(channels, latent * classes, 3, padding=1, groups=classes)
        self.fc_var = GroupConv2d(channels, latent * classes, 3, padding=1, groups=classes)

    def forward(self, crops: Crops) -> tuple[Float[Tensor, "b k z sh sw"], Float[Tensor, "b k z sh sw"]]:
        """Return mean and log-variance of every class of every image; sides are the image's over 2**layers."""
        present = crops.classes.unique()
        if 2 * len(crops.classes) <= crops.batch * len(present):
            # images share few classes: each (image, class) is a group of its own
            return self._encoded(crops, crops.pixels.flatten(0, 1).unsqueeze(0), crops.classes)
        return self._encoded(crops, crops.of(present).flatten(1, 2), None if len(present) == self.classes else present)

    def class_axes(self, classes: int) -> dict[str, TensorAxes]:
        """Return the axes of the tensors that belong to classes; none if one group encodes the whole image."""
        own = ClassAxis.of(self.classes)
        convs = {name: module for name, module in self.named_modules() if isinstance(module, GroupConv2d) and own}
        return dict(item for name, conv in convs.items() for item in convolution_axes(name, conv, reads=own, makes=own))

    def _encoded(
        self, crops: Crops, x: Float[Tensor, "n c h w"], which: Int[Tensor, " g"] | None
    ) -> tuple[Float[Tensor, "b k z sh sw"], Float[Tensor, "b k z sh sw"]]:
        for layer in range(self.layers):
            conv, _ = self.get_submodule(f"layer{layer + 1}").children()
            x = F.leaky_relu(F.instance_norm(conv(x, which)), 0.2)
        mean, log_variance = (self._all(crops, head, head(x, which), which) for head in (self.fc_mu, self.fc_var))
        return mean, log_variance

    def _all(
        self, crops: Crops, head: GroupConv2d, codes: Float[Tensor, "n c h w"], which: Int[Tensor, " g"] | None
    ) -> Float[Tensor, "b k z h w"]:
        """Put the codes of what was computed among those of all classes."""
        codes = codes.unflatten(1, (-1, self.latent))
        if which is None:
            return codes
        assert head.bias is not None
        absent = head.bias.to(codes.dtype).view(1, self.classes, self.latent, 1, 1)
        every = absent.expand(crops.batch, -1, -1, *codes.shape[-2:])
        if len(codes) == crops.batch:
            return every.index_copy(1, which, codes)
        return every.index_put((crops.image_index, crops.classes), codes.squeeze(0))
