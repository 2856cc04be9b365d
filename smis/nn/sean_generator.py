"""The generator of SEAN: SPADE's, with other normalization layers, each of which reads a plane of noise."""

from collections.abc import Iterator, Sequence

from jaxtyping import Float
from torch import Tensor

from smis.nn.sean_norm import SeanNorm, SeanPyramid
from smis.nn.spade_generator import LabelMapStart, SpadeGenerator, SpadeResidualBlock, start_size


class SeanStart(LabelMapStart):
    """The start map of SPADE, one for each image that the label map is given styles for."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, input: SeanPyramid
    ) -> Float[Tensor, "b c y x"]:
        """Return the start maps."""
        return super().forward(input.labels).expand(input.images, -1, -1, -1)


class SeanGenerator(SpadeGenerator):
    """Turn a label map with a style for each region into an image; called with a `SeanPyramid`, twice.

    Zhu et al., "SEAN: Image Synthesis with Semantic Region-Adaptive Normalization" (CVPR 2020), Figure 5. As released,
    every block but the last reads the styles.

    Args:
        label_channels: of the label map, which are the regions.
        channels: of the start map, then after each block.
        hidden: channels inside a normalization layer.
        style: length of a region's code.
        style_layers: regions that a normalization layer has linear maps for.
        upsamplings: doublings from the start map to the image, 3 to 6.

    Example:
        >>> import torch
        >>> from smis.nn.label_maps import LabelPyramid
        >>> from smis.nn.sean_norm import SeanPyramid
        >>> network = SeanGenerator(3, channels=(2,) * 8, hidden=2, style=4, style_layers=3, upsamplings=3)
        >>> planes = [torch.randn(2, width, height) for height, width in network.plane_sizes(16, 8)]
        >>> labels = LabelPyramid(torch.zeros(1, 16, 8, dtype=torch.long), classes=3)
        >>> pyramid = SeanPyramid(labels, torch.rand(2, 3, 4), planes)
        >>> len(planes), network(pyramid, pyramid).shape
        (14, torch.Size([2, 3, 16, 8]))
    """

    def __init__(
        self,
        label_channels: int,
        *,
        channels: Sequence[int],
        hidden: int,
        style: int,
        style_layers: int,
        upsamplings: int,
    ) -> None:
        last = len(channels) - 2
        super().__init__(
            fc=SeanStart(label_channels, channels=channels[0], downsamplings=upsamplings),
            channels=channels,
            make_norm=lambda features, stage: SeanNorm(
                features,
                label_channels=label_channels,
                hidden=hidden,
                style=style if stage < last else None,
                style_layers=style_layers,
            ),
            upsamplings=upsamplings,
            norm="ace",
        )
        self.upsamplings = upsamplings
        for number, (_, norm) in enumerate(self._norms()):
            norm.plane = number

    def plane_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return the size of each normalization layer's plane of noise, in the order in which layers run."""
        start = start_size(height, width, upsamplings=self.upsamplings)
        doublings = [sum(each in self.upsampled for each in self.blocks[: n + 1]) for n in range(len(self.blocks))]
        return [(start[0] << doublings[stage], start[1] << doublings[stage]) for stage, _ in self._norms()]

    def _norms(self) -> Iterator[tuple[int, SeanNorm]]:
        """Yield the normalization layers in the order in which they run, each with the number of its block."""
        for stage, name in enumerate(self.blocks):
            block = self.get_submodule(name)
            assert isinstance(block, SpadeResidualBlock)
            norms = [block.norm("s")] if block.learned_shortcut else []
            for norm in (*norms, block.norm("0"), block.norm("1")):
                assert isinstance(norm, SeanNorm)
                yield stage, norm
