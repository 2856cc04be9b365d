"""Where in its region each pixel of a label map is: the intra-class positional encoding of CLADE-ICPE."""

from collections.abc import Collection, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

_SMALL = 1e-5


def positional_maps(
    labels: Int[Tensor, "b h w"], *, unmapped: Collection[int] = (0,), normalize: bool = True
) -> Float[Tensor, "b 2 h w"]:
    """Return the row and the column of each pixel from the center of its region, each divided by its largest.

    Tan et al., "Efficient Semantic Image Synthesis via Class-Adaptive Normalization" (TPAMI 2021), 3.4. A region is an
    8-connected component of one class, its center the mean of its pixels. The release computes the maps of the
    originals, and resizes and crops them with the images (`transform_positions`); here they are those of the label
    map at hand, which is another map where resizing joins or parts regions.

    Args:
        labels: class ids.
        unmapped: classes whose pixels have (0, 0). The release's is 0, which is "unknown" in ADE20K and Cityscapes,
            but people in COCO-Stuff.
        normalize: divide by the largest absolute offset in the region, which gives -1..1; or leave pixels.

    Example:
        >>> positional_maps(torch.tensor([[[0, 7, 7, 7]]]), normalize=False)[0, 1]
        tensor([[ 0., -1.,  0.,  1.]])
    """
    batch, height, width = labels.shape
    regions, count = connected_regions(labels)
    flat = regions.flatten()
    rows = torch.arange(height, device=labels.device).view(1, -1, 1).expand_as(labels).flatten()
    columns = torch.arange(width, device=labels.device).expand_as(labels).flatten()
    places = torch.stack([rows, columns], dim=1).double()
    pixels = torch.bincount(flat, minlength=count).double()
    centers = places.new_zeros(count, 2).index_add_(0, flat, places) / pixels.unsqueeze(1)
    offsets = places - centers[flat]
    if normalize:
        largest = torch.zeros_like(centers).scatter_reduce(
            0, flat.unsqueeze(1).expand(-1, 2), offsets.abs() + _SMALL, reduce="amax"
        )
        offsets = offsets / largest[flat]
    known = torch.isin(labels, torch.tensor(sorted(unmapped), dtype=labels.dtype, device=labels.device), invert=True)
    maps = offsets.float().view(batch, height, width, 2).permute(0, 3, 1, 2)
    return maps * known.unsqueeze(1)


def transform_positions(
    maps: Float[Tensor, "b 2 h w"],
    *,
    load: tuple[int, int],
    crop: tuple[int, int],
    corner: tuple[int, int] = (0, 0),
    flip: bool = False,
    upside_down: bool = False,
) -> Float[Tensor, "b 2 y x"]:
    """Resize maps to the nearest pixel and cut out what a training image shows; values stay as they are.

    Args:
        maps: of the original label maps.
        load: height and width that images are resized to.
        crop: height and width of what is cut out.
        corner: its first row and column.
        flip: whether the image is mirrored left to right: the maps are, and columns change their sign.
        upside_down: flip as the release does, which turns the maps upside down while the image is mirrored, and
            leaves the signs.

    Example:
        >>> maps = torch.tensor([-1.0, 0.0, 1.0]).expand(1, 2, 3, 3)
        >>> transform_positions(maps, load=(3, 3), crop=(3, 2), flip=True)[0, 1, 0]
        tensor([-0., 1.])
    """
    (top, left), (height, width) = corner, crop
    cut = F.interpolate(maps, size=load, mode="nearest")[:, :, top : top + height, left : left + width]
    if not flip:
        return cut
    return cut.flip(2) if upside_down else cut.flip(3) * cut.new_tensor([1.0, -1.0]).view(1, 2, 1, 1)


def connected_regions(labels: Int[Tensor, "b h w"]) -> tuple[Int[Tensor, "b h w"], int]:
    """Number the 8-connected regions of equal ids of every map, from 0; return the numbers and how many there are.

    Pixels side by side are one run. Runs that touch point to the lowest of them, and pointers are followed, until
    none moves: a few rounds, whatever the shapes.

    Example:
        >>> regions, count = connected_regions(torch.tensor([[[5, 0, 5], [0, 5, 0]]]))
        >>> regions.tolist(), count
        ([[[0, 1, 0], [1, 0, 1]]], 2)
    """
    first = torch.ones_like(labels, dtype=torch.bool)
    first[:, :, 1:] = labels[:, :, 1:] != labels[:, :, :-1]
    runs = first.flatten().cumsum(0).view_as(labels) - 1
    above, below = (torch.cat(ends) for ends in zip(*_touching_runs(labels, runs, first), strict=True))
    parents = torch.arange(int(runs[-1, -1, -1]) + 1, device=labels.device)
    moved = True
    while moved:
        ends = torch.cat([parents[above], parents[below]])
        lowest = torch.minimum(*ends.chunk(2)).repeat(2)
        lower = parents.scatter_reduce(0, ends, lowest, reduce="amin")
        lower = lower[lower]
        moved = not torch.equal(lower, parents)
        parents = lower
    roots, numbers = torch.unique(parents, return_inverse=True)
    return numbers[runs], len(roots)


def _touching_runs(
    labels: Int[Tensor, "b h w"], runs: Int[Tensor, "b h w"], first: Bool[Tensor, "b h w"]
) -> Iterator[tuple[Int[Tensor, " n"], Int[Tensor, " n"]]]:
    """Yield pairs of runs of one id, one in the row below the other: straight below, to the left, to the right.

    A pair begins where one of its runs does, and is given there alone.
    """
    width = labels.shape[2]
    for shift in (-1, 0, 1):
        above = slice(None, -1), slice(max(0, -shift), width - max(0, shift))
        below = slice(1, None), slice(max(0, shift), width - max(0, -shift))
        begins = first[:, *above] | first[:, *below]
        pairs = begins & (labels[:, *above] == labels[:, *below])
        yield runs[:, *above][pairs], runs[:, *below][pairs]
