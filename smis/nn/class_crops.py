"""The input of GroupDNet's encoder: each class cut out and enlarged to the whole image."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from smis.core.shapes import Image, LabelMap


@dataclass(frozen=True, eq=False)
class Crops:
    """The crop of each (image, class) pair that exists, in order; those of absent classes are 0 and left out.

    `pixels`: (p, 3, h, w) in -1..1. `image_index` and `classes`: (p,), image and class of each. `batch` and `count`:
    numbers of images and of all classes. Made by `class_crops`.

    Example:
        >>> crops = class_crops(torch.ones(1, 3, 4, 4), torch.full((1, 4, 4), 2), classes=5)
        >>> len(crops.pixels), crops.dense().shape
        (1, torch.Size([1, 15, 4, 4]))
    """

    pixels: Float[Tensor, "p 3 h w"]
    image_index: Int[Tensor, " p"]
    classes: Int[Tensor, " p"]
    batch: int
    count: int

    @classmethod
    def whole(cls, image: Image) -> "Crops":
        """Take the whole image as the one class that there is."""
        number = torch.arange(len(image), device=image.device)
        return cls(image, number, torch.zeros_like(number), batch=len(image), count=1)

    def of(self, classes: Int[Tensor, " g"]) -> Float[Tensor, "b g 3 h w"]:
        """Lay out the images of these classes, those that are absent as 0; no other may be present."""
        laid = self.pixels.new_zeros(self.batch, len(classes), *self.pixels.shape[1:])
        laid[self.image_index, torch.searchsorted(classes, self.classes)] = self.pixels
        return laid

    def dense(self) -> Float[Tensor, "b c h w"]:
        """Lay out all classes; class n has the channels 3 n, 3 n + 1, 3 n + 2."""
        return self.of(torch.arange(self.count, device=self.classes.device)).flatten(1, 2)


def class_crops(image: Image, labels: LabelMap, *, classes: int) -> Crops:
    """Cut out each class and stretch it over the whole image.

    Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 3.2, as released: the box of a class runs from
    its first to its last column (row) whose sum over rows (columns) and colors of the class's pixels is not zero,
    which is where the class lies unless colors cancel. Pixels of other classes inside the box are 0, so is all of a
    class that is absent; the aspect ratio is not kept, the nearest pixel is taken.

    The released code loops over images and classes. Here only the (image, class) pairs that exist are touched, all
    of them at once.

    Args:
        image: in -1..1.
        labels: class ids 0..classes - 1.
        classes: number of classes.

    Example:
        >>> image = torch.tensor([1.0, 2.0, 3.0, 4.0]).expand(1, 3, 4, 4)
        >>> labels = torch.tensor([0, 0, 1, 1]).expand(1, 4, 4)
        >>> class_crops(image, labels, classes=3).pixels[:, 0, 0]
        tensor([[1., 1., 2., 2.],
                [3., 3., 4., 4.]])
    """
    batch, _, height, width = image.shape
    image_index, present = _pairs(labels, classes)
    labels, classes_of = labels.to(torch.int16), present.to(torch.int16)  # a quarter of the memory to go through
    mask = labels.index_select(0, image_index) == classes_of.view(-1, 1, 1)
    rows, columns = _boxes(image.sum(dim=1).index_select(0, image_index) * mask)
    lines = image_index.unsqueeze(1) * height + _stretch(rows, height)
    index = (lines.unsqueeze(2) * width + _stretch(columns, width).unsqueeze(1)).flatten()
    kept = labels.flatten().index_select(0, index).view(len(present), -1) == classes_of.unsqueeze(1)
    colors = (image[:, color].flatten().index_select(0, index).view_as(kept) * kept for color in range(3))
    pixels = torch.stack(list(colors), dim=1).unflatten(2, (height, width))
    return Crops(pixels, image_index, present, batch=batch, count=classes)


def _pairs(labels: LabelMap, classes: int) -> tuple[Int[Tensor, "p"], Int[Tensor, "p"]]:
    """Return image and class of each pair that exists, in order."""
    keys = labels + classes * torch.arange(len(labels), device=labels.device).view(-1, 1, 1)
    counts = torch.bincount(keys.flatten(), minlength=len(labels) * classes)
    pairs = counts.nonzero().squeeze(1)
    return pairs // classes, pairs % classes


def _boxes(sums: Float[Tensor, "p h w"]) -> tuple[Int[Tensor, "p 2"], Int[Tensor, "p 2"]]:
    """Return first and last row, first and last column, of what does not cancel.

    Where all columns cancel the whole image is the box: the release takes such a class for absent and passes its
    image on uncut.
    """
    columns, rows = sums.sum(dim=1) != 0, sums.sum(dim=2) != 0
    rows = rows & columns.any(dim=1, keepdim=True)
    return _ends(rows), _ends(columns)


def _ends(there: Bool[Tensor, "p n"]) -> Int[Tensor, "p 2"]:
    """Return the first and the last place that is true, or the first and the last if none is."""
    there = there | ~there.any(dim=1, keepdim=True)
    first = there.int().argmax(dim=1)
    last = there.shape[1] - 1 - there.flip(1).int().argmax(dim=1)
    return torch.stack([first, last], dim=1)


def _stretch(ends: Int[Tensor, "p 2"], size: int) -> Int[Tensor, "p size"]:
    """Return the source of each place when ends[0]..ends[1] is resized to `size`, as `F.interpolate` takes it.

    In float32 like there: another rounding would take another pixel.
    """
    first, length = ends[:, :1], ends[:, 1:] - ends[:, :1] + 1
    places = torch.arange(size, device=ends.device, dtype=torch.float32)
    source = (places * (length.float() / size)).floor().long()
    return first + source.minimum(length - 1)
