"""Networks that compare images, by the name that values measured with them carry."""

from typing import Any, Literal, get_args

from smis.core import weights
from smis.core.errors import ParamsError
from smis.metrics.image import lpips, stlpips
from smis.metrics.image.perceptual_distance import PerceptualDistance

DistanceName = Literal["lpips_alex", "lpips_vgg", "lpips_squeeze", "stlpips_alex", "stlpips_vgg16"]
DISTANCES: tuple[str, ...] = get_args(DistanceName)


def load(name: str) -> PerceptualDistance:
    """Build a network with its published weights, frozen, on the CPU.

    Raises:
        ParamsError: if there is no network of this name.
        WeightsError: if its weights are missing or are not the published ones; no other takes its place.
    """
    _known(name)
    return (lpips if name in lpips.TRUNKS else stlpips).load(name)


def protocol(name: str) -> dict[str, Any]:
    """Say which network measures, and with which weights (the beginning of their SHA-256)."""
    _known(name)
    if name in lpips.TRUNKS:
        return lpips.protocol(name)
    return {"network": name, "weights": weights.TABLE[name].sha256}


def _known(name: str) -> None:
    if name not in DISTANCES:
        raise ParamsError(f"there is no network named {name!r}; there are: {', '.join(DISTANCES)}")
