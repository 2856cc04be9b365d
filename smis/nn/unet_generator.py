"""The U-Net of BicycleGAN, which reads a latent at every level."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smis.core.errors import ParamsError
from smis.core.seeding import Noise
from smis.core.shapes import Image, size_text


class LatentUnet(nn.Module):
    """Turn a label map and a code into an image by a U-Net.

    Zhu et al., "Toward Multimodal Image-to-Image Translation" (NIPS 2017), 4, Figure 3: the code is repeated at every
    position and concatenated to the input of each level of the contracting path. Both sides are multiples of
    2**levels; the released 8 lead from 256 to 1.

    Args:
        channels: of the label map.
        code: length of the code.
        width: channels of the outermost level; each level doubles them, up to eightfold.
        levels: each halves the size.

    Example:
        >>> network = LatentUnet(5, code=3, width=2, levels=2)
        >>> network(torch.zeros(1, 5, 8, 12), torch.zeros(1, 3)).shape
        torch.Size([1, 3, 8, 12])
    """

    def __init__(self, channels: int, *, code: int = 8, width: int = 64, levels: int = 8) -> None:
        super().__init__()
        widths = [width * min(2**level, 8) for level in range(levels)]
        block = None
        for level in reversed(range(1, levels)):
            block = UnetLevel(widths[level - 1], inner=widths[level], code=code, within=block, dropped=level >= 4)
        self.model = UnetLevel(channels, inner=width, code=code, within=block, channels_out=3)

    def forward(self, known: Float[Tensor, "b k h w"], code: Float[Tensor, "b z"], noise: Noise | None = None) -> Image:
        """Generate the images; with `noise`, there is dropout in the inner levels from the fifth on."""
        return self.model(known, code, noise)


class UnetLevel(nn.Module):
    """Halve the features, apply the levels within, double the result and concatenate it to the features.

    The outermost level, which alone has `channels_out`, makes the image. The innermost does not normalize after it
    halves: at the released size one position is left.
    """

    def __init__(
        self,
        channels: int,
        *,
        inner: int,
        code: int,
        within: "UnetLevel | None",
        dropped: bool = False,
        channels_out: int | None = None,
    ) -> None:
        super().__init__()
        self.outermost, self.dropped = channels_out is not None, dropped and within is not None
        down: list[nn.Module] = [nn.Conv2d(channels + code, inner, 4, stride=2, padding=1)]
        if not self.outermost:
            down.insert(0, nn.LeakyReLU(0.2, inplace=True))
            down += [nn.InstanceNorm2d(inner)] if within is not None else []
        back, out = inner * (1 if within is None else 2), channels_out or channels
        up = [nn.ReLU(inplace=True), nn.ConvTranspose2d(back, out, 4, stride=2, padding=1)]
        self.down = nn.Sequential(*down)
        self.submodule = within
        self.up = nn.Sequential(*up, nn.Tanh() if self.outermost else nn.InstanceNorm2d(out))

    def forward(
        self, x: Float[Tensor, "b i h w"], code: Float[Tensor, "b z"], noise: Noise | None
    ) -> Float[Tensor, "b o h w"]:
        """Return the image, or the result of this level concatenated to its input."""
        tiled = code[:, :, None, None].expand(-1, -1, *x.shape[2:])
        features = self.down(torch.cat([x, tiled], dim=1))
        if self.submodule is not None:
            features = self.submodule(features, code, noise)
        made = self.up(features)
        if self.outermost:
            return made
        if self.dropped and noise is not None:
            made = half_dropout(made, noise)
        return torch.cat([made, x], dim=1)


def half_dropout(x: Float[Tensor, "b c h w"], noise: Noise) -> Float[Tensor, "b c h w"]:
    """Set each number to 0 with probability 1/2, and double the others.

    Srivastava et al., "Dropout" (JMLR 2014), 10. Masks are drawn from `noise`, not from torch's own generator, so that
    a resumed run and many processes drop what one uninterrupted process drops.

    Example:
        >>> from smis.core.seeding import generator
        >>> half_dropout(torch.ones(1, 1, 8, 8), Noise(generator(0))).unique()
        tensor([0., 2.])
    """
    kept = noise.normal(*x.shape, device=x.device) > 0
    return x * (2 * kept.to(x.dtype))


def check_divisible(height: int, width: int, *, downsamplings: int, least: int, remedy: str) -> None:
    """Check that both sides can be halved so many times, and are then at least `least` pixels.

    Raises:
        ParamsError: if one cannot; `remedy` names the key that sets the number of downsamplings.
    """
    factor = 2**downsamplings
    if height % factor or width % factor or min(height, width) < least * factor:
        raise ParamsError(
            f"an image of {size_text((height, width))} cannot be halved {downsamplings} times: both sides must be "
            f"multiples of {factor}, and at least {least * factor}; set the system's `{remedy}` or the data set's size"
        )
