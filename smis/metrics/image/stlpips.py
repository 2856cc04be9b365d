"""Shift-tolerant LPIPS: AlexNet and VGG-16 trunks whose features hardly change when an image moves by a pixel.

Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric" (ECCV 2022). The trained weights come with the wheel
`stlpips-pytorch`; its code is not imported, because it needs packages that it does not declare.
"""

from functools import partial

from smis.core import weights
from smis.metrics.image.perceptual_distance import PerceptualDistance
from smis.nn.trunks import alexnet, vgg16

_BUILD = {
    "stlpips_alex": partial(alexnet, shift_tolerant=True),
    "stlpips_vgg16": partial(vgg16, shift_tolerant=True),
}
_SMALLEST = {"stlpips_alex": 21, "stlpips_vgg16": 18}
"""Side in pixels; of fewer, less would be left before the last reflected border than it is wide."""


def load(name: str) -> PerceptualDistance:
    """Build `stlpips_alex` or `stlpips_vgg16` with its trained weights, frozen, on the CPU.

    Raises:
        WeightsError: if the weights are missing or are not the published ones.
    """
    state = weights.read(name)
    trunk = _BUILD[name]().load(state)
    return PerceptualDistance(
        trunk,
        name=name,
        weights=[state[f"lin{layer}.model.1.weight"].flatten() for layer in range(len(trunk.taps))],
        shift=state["scaling_layer.shift"],
        scale=state["scaling_layer.scale"],
        smallest=_SMALLEST[name],
    )
