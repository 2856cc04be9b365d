"""The networks of pix2pixHD: global generator, local enhancer and feature encoder."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap
from smis.nn.spectral_norm import spectral_norm

Convolution = nn.Conv2d | nn.ConvTranspose2d
Normalize = Callable[[Convolution], list[nn.Module]]
"""Turns a convolution into the layers that stand in its place: itself and its normalization."""


def instance_norm(conv: Convolution) -> list[nn.Module]:
    """Normalize behind the convolution, as NVIDIA's release does: the bias stays, though it has no effect.

    Example:
        >>> layers = nn.Sequential(*instance_norm(nn.Conv2d(3, 4, 3)))
        >>> before = layers(image := torch.rand(1, 3, 8, 8))
        >>> layers[0].bias.data += 1
        >>> torch.allclose(layers(image), before, atol=1e-3)
        True
    """
    return [conv, nn.InstanceNorm2d(conv.out_channels)]


def spectral_instance_norm(conv: Convolution) -> list[nn.Module]:
    """Normalize the weight and behind the convolution, as the code base of SPADE does: there is no bias.

    Example:
        >>> [name for name, _ in nn.Sequential(*spectral_instance_norm(nn.Conv2d(3, 4, 3))).named_parameters()]
        ['0.0.weight_orig']
    """
    conv.bias = None
    return [nn.Sequential(spectral_norm(conv), nn.InstanceNorm2d(conv.out_channels))]


class GlobalGenerator(nn.Module):
    """Turn a label map into an image: halve it, change it in residual blocks, double it again.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.2:
    G1. Both sides are multiples of 2**downsamplings.

    Args:
        channels: of the label map.
        width: channels at the full size; each halving doubles them.
        downsamplings: number of halvings.
        blocks: residual blocks at the smallest size.
        normalize: turns each convolution into itself and its normalization.

    Example:
        >>> GlobalGenerator(5, width=2, downsamplings=2, blocks=1)(torch.zeros(1, 5, 8, 12)).shape
        torch.Size([1, 3, 8, 12])
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        downsamplings: int = 4,
        blocks: int = 9,
        normalize: Normalize = instance_norm,
    ) -> None:
        super().__init__()
        self.model = nn.Sequential(
            *downsampling_layers(channels, width=width, times=downsamplings, normalize=normalize),
            *decoding_layers(width, blocks=blocks, times=downsamplings, normalize=normalize),
        )

    def forward(self, known: Float[Tensor, "b k h w"]) -> Image:
        """Generate the images."""
        return self.model(known)


class ResidualBlock(nn.Module):
    """Add to the features what two convolutions make of them; borders are mirrored.

    Example:
        >>> block, x = ResidualBlock(4, normalize=instance_norm), torch.rand(1, 4, 8, 8)
        >>> block.conv_block[5].weight.data[:] = 0
        >>> torch.allclose(block(x), x, atol=1e-4)
        True
    """

    def __init__(self, channels: int, *, normalize: Normalize) -> None:
        super().__init__()
        first, second = (normalize(nn.Conv2d(channels, channels, 3)) for _ in range(2))
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), *first, nn.ReLU(inplace=True), nn.ReflectionPad2d(1), *second
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return the changed features."""
        return x + self.conv_block(x)


def downsampling_layers(
    channels: int, *, width: int, times: int, normalize: Normalize = instance_norm
) -> list[nn.Module]:
    """Return the layers that read the input and halve it; each halving doubles the channels from `width` on."""
    layers = [nn.ReflectionPad2d(3), *normalize(nn.Conv2d(channels, width, 7)), nn.ReLU(inplace=True)]
    for before in (width * 2**time for time in range(times)):
        conv = nn.Conv2d(before, 2 * before, 3, stride=2, padding=1)
        layers += [*normalize(conv), nn.ReLU(inplace=True)]
    return layers


def decoding_layers(
    width: int, *, blocks: int, times: int, channels_out: int = 3, normalize: Normalize = instance_norm
) -> list[nn.Module]:
    """Return the layers behind `downsampling_layers`: residual blocks, doublings, and an image in -1..1."""
    layers: list[nn.Module] = [ResidualBlock(width * 2**times, normalize=normalize) for _ in range(blocks)]
    for before in (width * 2**time for time in range(times, 0, -1)):
        conv = nn.ConvTranspose2d(before, before // 2, 3, stride=2, padding=1, output_padding=1)
        layers += [*normalize(conv), nn.ReLU(inplace=True)]
    return [*layers, *output_layers(width, channels=channels_out)]


def output_layers(width: int, *, channels: int) -> list[nn.Module]:
    """Return the layers that make an image in -1..1 of the last features."""
    return [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]


class LocalEnhancer(nn.Module):
    """Add the features of the whole label map to those that a global generator makes of the halved one.

    Wang et al. (CVPR 2018), 3.2: {G1, G2}. G1 is twice as wide as this and has no output layers. Both sides are
    multiples of 2**(downsamplings + 1).

    Example:
        >>> enhancer = LocalEnhancer(5, width=2, downsamplings=1, blocks=1, local_blocks=1)
        >>> enhancer(torch.zeros(1, 5, 8, 12)).shape
        torch.Size([1, 3, 8, 12])
    """

    def __init__(
        self, channels: int, *, width: int = 32, downsamplings: int = 3, blocks: int = 9, local_blocks: int = 3
    ) -> None:
        super().__init__()
        inner = GlobalGenerator(channels, width=2 * width, downsamplings=downsamplings, blocks=blocks)
        self.model = inner.model[: -len(output_layers(width, channels=3))]
        self.model1_1 = nn.Sequential(*downsampling_layers(channels, width=width, times=1))
        self.model1_2 = nn.Sequential(*decoding_layers(width, blocks=local_blocks, times=1))

    def forward(self, known: Float[Tensor, "b k h w"]) -> Image:
        """Generate the images."""
        small = F.avg_pool2d(known, 3, stride=2, padding=1, count_include_pad=False)
        return self.model1_2(self.model1_1(known) + self.model(small))


class LatentGlobalGenerator(nn.Module):
    """Turn a label map and a code into an image: the code is repeated at every position of the smallest map.

    Yang et al., "Diversity-Sensitive Conditional Generative Adversarial Networks" (ICLR 2019), 5.1, on the generator of
    Wang et al. (CVPR 2018). One convolution fuses map and code in the place of the first residual block. That it is
    3 x 3, normalized and activated like the others is our reading. Both sides are multiples of 2**downsamplings.

    Example:
        >>> network = LatentGlobalGenerator(5, code=3, width=2, downsamplings=1, blocks=1)
        >>> network(torch.zeros(2, 5, 8, 12), torch.zeros(2, 3)).shape
        torch.Size([2, 3, 8, 12])
    """

    def __init__(
        self, channels: int, *, code: int = 64, width: int = 32, downsamplings: int = 4, blocks: int = 8
    ) -> None:
        super().__init__()
        middle = width * 2**downsamplings
        self.down = nn.Sequential(*downsampling_layers(channels, width=width, times=downsamplings))
        fuse = instance_norm(nn.Conv2d(middle + code, middle, 3))
        self.fuse = nn.Sequential(nn.ReflectionPad2d(1), *fuse, nn.ReLU(inplace=True))
        self.model = nn.Sequential(*decoding_layers(width, blocks=blocks, times=downsamplings))

    def forward(self, known: Float[Tensor, "b k h w"], code: Float[Tensor, "b z"], noise: Noise | None = None) -> Image:
        """Generate the images; there is no dropout here, so `noise` is not used."""
        features = self.down(known)
        tiled = code[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return self.model(self.fuse(torch.cat([features, tiled], dim=1)))


class FeatureEncoder(nn.Module):
    """Turn an image into features of its own size and average them over each instance.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.4.
    Both sides are multiples of 2**downsamplings.

    Example:
        >>> encoder = FeatureEncoder(3, width=2, downsamplings=1)
        >>> features = encoder(torch.rand(1, 3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.long), slots=2)
        >>> features.shape, features[0, 1]
        (torch.Size([1, 2, 3]), tensor([0., 0., 0.], grad_fn=<SelectBackward0>))
    """

    def __init__(self, features: int = 3, *, width: int = 16, downsamplings: int = 4) -> None:
        super().__init__()
        self.features = features
        self.model = nn.Sequential(
            *downsampling_layers(3, width=width, times=downsamplings),
            *decoding_layers(width, blocks=0, times=downsamplings, channels_out=features),
        )

    def forward(self, image: Image, instances: InstanceMap, *, slots: int) -> Float[Tensor, "b slots f"]:
        """Return each instance's features in -1..1; those of an empty slot are 0."""
        places = self.model(image).flatten(2).transpose(1, 2)
        owners = instances.flatten(1)
        sums = places.new_zeros(len(image), slots, places.shape[2])
        sums = sums.scatter_add(1, owners.unsqueeze(2).expand_as(places), places)
        counts = places.new_zeros(len(image), slots).scatter_add(1, owners, torch.ones_like(places[:, :, 0]))
        return sums / counts.clamp(min=1).unsqueeze(2)


def features_at_pixels(
    features: Float[Tensor, "b slots f"], instances: Int[Tensor, "#b h w"]
) -> Float[Tensor, "b f h w"]:
    """Give each place the features of its instance.

    Example:
        >>> features_at_pixels(torch.tensor([[[0.5], [0.25]]]), torch.tensor([[[0, 1, 1]]]))
        tensor([[[[0.5000, 0.2500, 0.2500]]]])
    """
    batch, (height, width) = len(features), instances.shape[1:]
    owners = instances.expand(batch, -1, -1).flatten(1).unsqueeze(2).expand(-1, -1, features.shape[2])
    return features.gather(1, owners).transpose(1, 2).unflatten(2, (height, width))
