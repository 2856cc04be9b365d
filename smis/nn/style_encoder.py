"""The encoder of SEAN: one code for each region of an image, and the codes of images that it has seen."""

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from smis.core.seeding import Noise
from smis.core.shapes import Image
from smis.nn.label_maps import LabelPyramid


class StyleEncoder(nn.Module):
    """Encode each region of an image as the mean of its features.

    Zhu et al., "SEAN: Image Synthesis with Semantic Region-Adaptive Normalization" (CVPR 2020), 3.1: a bottleneck of
    convolutions makes features of half the image's size, in -1..1. A region that has no pixel at that size has the
    code 0. The release loops over images and regions; here it is one matrix product.

    Args:
        style: length of a code.
        width: channels after the first convolution; the last but one has eight times as many.
        regions: number of regions: classes and, if they are a channel, edges.
        exemplars: codes of images that are kept for each region, as buffers; 0 for the released network.

    Example:
        >>> layout = LabelPyramid(torch.zeros(2, 16, 32, dtype=torch.long), classes=3)
        >>> codes = StyleEncoder(style=5, width=2, regions=3)(torch.rand(2, 3, 16, 32), layout)
        >>> codes.shape, codes.any(dim=2).tolist()
        (torch.Size([2, 3, 5]), [[True, False, False], [True, False, False]])
    """

    def __init__(self, *, style: int = 512, width: int = 32, regions: int, exemplars: int = 0) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.ReflectionPad2d(1),
            *_normalized(nn.Conv2d(3, width, 3)),
            *_normalized(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)),
            *_normalized(nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1)),
            *_normalized(nn.ConvTranspose2d(4 * width, 8 * width, 3, stride=2, padding=1, output_padding=1)),
            nn.ReflectionPad2d(1),
            nn.Conv2d(8 * width, style, 3),
            nn.Tanh(),
        )
        self.style, self.regions = style, regions
        self.exemplars = Exemplars(regions=regions, count=exemplars, style=style) if exemplars else None

    def forward(self, image: Image, layout: LabelPyramid) -> Float[Tensor, "b r s"]:
        """Return the code of every region."""
        features = self.model(image)
        return region_means(features, layout.at(features.shape[2], features.shape[3]).maps())

    def remember(self, codes: Float[Tensor, "b r s"], layout: LabelPyramid) -> None:
        """Keep the codes of an image's regions among the exemplars, if there are any."""
        if self.exemplars is not None:
            height, width = layout.size
            present = layout.at(height // 2, width // 2).maps().amax(dim=(2, 3)) > 0
            self.exemplars.add(codes.detach(), present)

    def choose(self, batch: int, noise: Noise | None, *, like: Tensor) -> Float[Tensor, "b r s"]:
        """Return an exemplar's code for each region, by chance, or without noise the mean; 0 where none is known."""
        if self.exemplars is None:
            return like.new_zeros(batch, self.regions, self.style)
        if noise is None:
            return self.exemplars.means().expand(batch, -1, -1)
        return self.exemplars.choose(batch, noise)


class Exemplars(nn.Module):
    """The newest codes of each region, of images that a network was trained on.

    SEAN has no prior: its release stores the codes of images in files, and a user chooses among them, or their mean.
    Over several processes all of them keep the codes of the global batch.

    Example:
        >>> from smis.core.seeding import generator
        >>> exemplars = Exemplars(regions=2, count=3, style=1)
        >>> for number in range(1, 5):
        ...     exemplars.add(torch.full((1, 2, 1), float(number)), torch.tensor([[True, number == 1]]))
        >>> exemplars.codes.squeeze(2).tolist(), exemplars.means().flatten().tolist()
        ([[4.0, 2.0, 3.0], [1.0, 0.0, 0.0]], [3.0, 1.0])
        >>> exemplars.choose(4, Noise(generator(0))).squeeze(2).tolist()
        [[2.0, 1.0], [3.0, 1.0], [2.0, 1.0], [2.0, 1.0]]
    """

    def __init__(self, *, regions: int, count: int, style: int) -> None:
        super().__init__()
        self.codes = nn.Buffer(torch.zeros(regions, count, style))
        self.added = nn.Buffer(torch.zeros(regions, dtype=torch.long))

    @torch.no_grad()
    def add(self, codes: Float[Tensor, "b r s"], present: Bool[Tensor, "b r"]) -> None:
        """Keep the codes of the regions that are present, in place of the oldest ones."""
        codes, present = _gathered(codes.to(self.codes)), _gathered(present)
        regions, count, style = self.codes.shape
        rank = present.cumsum(dim=0) - 1
        kept = present & (rank >= present.sum(dim=0) - count)  # a region comes more often than there is room for
        slots = torch.arange(regions, device=codes.device) * count + (self.added + rank) % count
        nowhere = regions * count
        rows = torch.cat([self.codes.flatten(0, 1), self.codes.new_zeros(1, style)])
        rows[torch.where(kept, slots, nowhere).flatten()] = codes.flatten(0, 1)
        self.codes.copy_(rows[:nowhere].view_as(self.codes))
        self.added.add_(present.sum(dim=0))

    def choose(self, batch: int, noise: Noise) -> Float[Tensor, "b r s"]:
        """Choose a code for each region, each with the same probability; 0 where there is none."""
        regions = len(self.codes)
        known = self._known().cpu()
        chance = torch.special.ndtr(noise.normal(batch, regions))
        numbers = (chance * known).long().minimum(known - 1).clamp(min=0).to(self.codes.device)
        return self.codes[torch.arange(regions, device=self.codes.device), numbers]

    def means(self) -> Float[Tensor, "r s"]:
        """Return the mean code of each region; 0 where there is none."""
        return self.codes.sum(dim=1) / self._known().clamp(min=1).unsqueeze(1)

    def _known(self) -> Int[Tensor, " r"]:
        return self.added.clamp(max=self.codes.shape[1])


def region_means(features: Float[Tensor, "b s h w"], regions: Float[Tensor, "b r h w"]) -> Float[Tensor, "b r s"]:
    """Average the features over each region, a map of 0 and 1; 0 for a region without positions.

    Example:
        >>> features = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 1, 1, 4)
        >>> region_means(features, torch.tensor([[[[1.0, 1.0, 0.0, 0.0]], [[0.0] * 4]]])).flatten()
        tensor([1.5000, 0.0000])
    """
    sums = torch.bmm(regions.flatten(2), features.flatten(2).transpose(1, 2))
    return sums / regions.sum(dim=(2, 3)).clamp(min=1).unsqueeze(2)


def mean_codes(codes: Float[Tensor, "b r s"], present: Bool[Tensor, "b r"]) -> Float[Tensor, "r s"]:
    """Average the codes of each region over the images that have it; 0 where none has.

    The release's `calculate_mean_style_code.py`: every image counts once, however large the region is there.

    Example:
        >>> mean_codes(torch.tensor([[[1.0], [5.0]], [[3.0], [0.0]]]), torch.tensor([[True, True], [True, False]]))
        tensor([[2.],
                [5.]])
    """
    return (codes * present.unsqueeze(2)).sum(dim=0) / present.sum(dim=0).clamp(min=1).unsqueeze(1)


def _normalized(conv: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, nn.Module, nn.Module]:
    return conv, nn.InstanceNorm2d(conv.out_channels), nn.LeakyReLU(0.2)


def _gathered(x: Tensor) -> Tensor:
    """Return the rows of all processes."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return x
    rows = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(rows, x.contiguous())
    return torch.cat(rows)
