"""Numbers on the spot: the segmenter's map of a picture, and how far pictures are from each other."""

from functools import cache

import numpy as np
import torch

from smis.core.errors import ImageError, LabelError, WeightsError
from smis.core.images import to_image
from smis.core.shapes import Image, size_text
from smis.metrics import segmenter
from smis.metrics.image import lpips
from smis.metrics.image.sample_diversity import diversity, region_diversity
from smis.studio.api_messages import DistancesAnswer, DistancesRequest, SegmentAnswer, SegmentRequest
from smis.studio.encoded_images import decode_base64, decode_picture, map_text
from smis.studio.model_library import ModelLibrary
from smis.studio.recipe_evaluation import PaintedMap
from smis.styles import Synthesizer

_NETWORKS = {"lpips_alex": "LPIPS (AlexNet)", "stlpips_alex": "ST-LPIPS (AlexNet)"}
"""In order of preference: the weights of the first may not be on this machine."""


class PictureMeasures:
    """Measure pictures of a model; one thread uses it."""

    def __init__(self, library: ModelLibrary) -> None:
        self._library = library
        self._segmenters: dict[str, segmenter.Segmenter] = {}

    def segment(self, request: SegmentRequest) -> SegmentAnswer:
        """Return the likeliest class of each pixel, and the segmenter's accuracy on real test images.

        Raises:
            WeightsError: if there is no segmenter for the model.
        """
        path, synth = self._library.find_segmenter(request.model), self._library.load(request.model)
        if path is None:
            raise WeightsError(
                f"there is no segmenter for the classes and the size of {request.model}; `make repro` trains one for a "
                "workspace's models"
            )
        if request.model not in self._segmenters:
            self._segmenters[request.model] = segmenter.load(path, device=synth.device)
        network = self._segmenters[request.model]
        labels = network.predict(_decoded(request.image, synth))[0]
        accuracy = network.facts.get("results", {}).get("accuracy_real")
        value = accuracy.get("value") if isinstance(accuracy, dict) else accuracy
        return SegmentAnswer(labels=map_text(labels.cpu().numpy()), accuracy=value)

    def distances(self, request: DistancesRequest, painted: PaintedMap) -> DistancesAnswer:
        """Return the mean distance of neighboring pictures inside and outside a class.

        Raises:
            WeightsError: if no network's weights are on this machine.
            LabelError: if there is no such class.
        """
        synth = self._library.load(request.model)
        network, measure = _network()
        network.to(synth.device)
        pictures = torch.cat([_decoded(text, synth) for text in request.images])
        if request.class_name is None:
            return DistancesAnswer(inside=_mean(diversity(pictures, network)), outside=None, measure=measure)
        if request.class_name not in synth.classes:
            raise LabelError(f"there is no class {request.class_name!r}; there are: {', '.join(synth.classes)}")
        region = torch.from_numpy(painted.labels == synth.classes.index(request.class_name)).to(synth.device)
        inside, outside = region_diversity(pictures, region, network)
        return DistancesAnswer(
            inside=_mean(inside) if bool(region.any()) else None,
            outside=_mean(outside) if not bool(region.all()) else None,
            measure=measure,
        )


@cache
def _network() -> tuple[lpips.PerceptualDistance, str]:
    for name, title in _NETWORKS.items():
        try:
            return lpips.load(name), title
        except WeightsError:
            continue
    raise WeightsError("the weights of LPIPS and ST-LPIPS are not on this machine; pip install 'smis[metrics]'")


def _decoded(text: str, synth: Synthesizer) -> Image:
    pixels = decode_picture(decode_base64(text, title="the picture"), title="the picture")
    if pixels.shape[:2] != synth.size:
        size = size_text((pixels.shape[0], pixels.shape[1]))
        raise ImageError(f"the picture is {size}, but the model paints {size_text(synth.size)}; send one that it made")
    return to_image(np.ascontiguousarray(pixels)[None], device=synth.device)


def _mean(distances: torch.Tensor) -> float:
    return round(float(distances.mean()), 6)
