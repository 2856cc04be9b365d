"""Class-adaptive normalization: scale and shift of each position are its class's, looked up in two tables."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.nn.batch_norm import BatchNorm
from smis.nn.label_maps import Condition


class CladeNorm(nn.Module):
    """Normalize the features, then scale and shift each position by the class there.

    Tan et al., "Efficient Semantic Image Synthesis via Class-Adaptive Normalization" (TPAMI 2021), Eq. 4. Unlike in
    SPADE there is no convolution over the label map and no `1 +`: a table's row is the scale. The release reads a
    class off one-hot channels; here positions have ids. In training a row is copied whole, so features leave this
    layer with a position's channels side by side (`channels_last`).

    Args:
        channels: of the features.
        classes: rows of the tables.
        edges: whether symbols are twice the class, plus one on edges (`LabelPyramid` with instances). Then a channel
            follows the features that is a linear function of the edges, not normalized.
        positions: whether scale and shift of a class vary within its regions (ICPE).

    Example:
        >>> from smis.nn.label_maps import LabelPyramid
        >>> layer, x = CladeNorm(4, classes=3), torch.rand(2, 4, 8, 8)
        >>> layer.class_specified_affine.weight.data[:] = 1  # shifts begin at 0
        >>> layout = LabelPyramid(torch.randint(3, (1, 8, 8)), classes=3)
        >>> torch.allclose(layer(x, layout.at(8, 8)), layer.param_free_norm(x), atol=1e-5)
        True
    """

    def __init__(self, channels: int, *, classes: int, edges: bool = False, positions: bool = False) -> None:
        super().__init__()
        self.edges = edges
        self.param_free_norm = BatchNorm(channels)
        self.class_specified_affine = ClassAffine(channels, classes=classes, positions=positions)
        if edges:
            self.inst_conv = nn.Conv2d(1, 1, 1)

    def forward(self, x: Float[Tensor, "b c h w"], condition: Condition) -> Float[Tensor, "b o h w"]:
        """Scale and shift; `condition` is that at the size of `x`. With edges there is one more channel."""
        labels = condition.symbols // 2 if self.edges else condition.symbols
        if torch.is_grad_enabled() or self.training or self.class_specified_affine.positions:
            normal = self.param_free_norm(x.contiguous(memory_format=torch.channels_last))
            changed = self.class_specified_affine(normal, labels, condition.positions)
        else:
            changed = self._inferred(x, labels)
        if not self.edges:
            return changed
        edges = self.inst_conv((condition.symbols % 2).unsqueeze(1).to(changed.dtype))
        return torch.cat([changed, edges.expand(len(x), -1, -1, -1)], dim=1)

    def _inferred(self, x: Float[Tensor, "b c h w"], labels: Int[Tensor, "#b h w"]) -> Float[Tensor, "b c h w"]:
        """Scale and shift with the running statistics inside the tables: nothing else touches the features.

        Here rows are looked up one channel after the other, as convolutions leave them; the gradient of that would
        be slow.
        """
        affine = self.class_specified_affine
        tables = self.param_free_norm.fold(affine.weight, affine.bias)
        scale, shift = (
            table.t().contiguous().index_select(1, labels.flatten()).unflatten(1, labels.shape).transpose(0, 1)
            for table in tables
        )
        return torch.addcmul(shift, x, scale)


class ClassAffine(nn.Module):
    """Scale and shift each position by the rows of its class in two tables, (classes, c) each.

    Scales begin uniformly in 0..1 and shifts at 0, as released. With `positions`, both are multiplied by 1 plus a
    linear function of the position's place in its region, the same for all classes and channels (ICPE).

    Example:
        >>> layer = ClassAffine(2, classes=3)
        >>> layer.weight.data[1], layer.bias.data[1] = 2.0, 0.5
        >>> layer(torch.ones(1, 2, 1, 1), torch.tensor([[[1]]]))[0, :, 0, 0].tolist()
        [2.5, 2.5]
    """

    def __init__(self, channels: int, *, classes: int, positions: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(classes, channels))
        self.bias = nn.Parameter(torch.zeros(classes, channels))
        self.positions = positions
        if positions:
            self.dist_conv_w = nn.Conv2d(2, 1, 1)
            self.dist_conv_b = nn.Conv2d(2, 1, 1)

    def forward(
        self,
        x: Float[Tensor, "b c h w"],
        labels: Int[Tensor, "#b h w"],
        positions: Float[Tensor, "#b 2 h w"] | None = None,
    ) -> Float[Tensor, "b c h w"]:
        """Scale and shift; one label map serves any number of features."""
        scale, shift = (F.embedding(labels, table).permute(0, 3, 1, 2) for table in (self.weight, self.bias))
        if self.positions:
            assert positions is not None
            places = positions.to(self.weight.dtype)
            scale = scale * (1 + self.dist_conv_w(places))
            shift = shift * (1 + self.dist_conv_b(places))
        return torch.addcmul(shift, x, scale)
