"""How far apart the images of one label map are: everywhere, and inside and outside one class.

Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), section 4.1: LPIPS, mCSD and mOCD. Tan et al.,
"Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021) put instances for classes: the
same functions with other regions.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from smis.core.errors import ImageError, ParamsError
from smis.core.seeding import generator
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.metrics.image import lpips
from smis.metrics.image.features import device_name, device_of
from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.result import Bootstrap, Ignored, Result, ids_of
from smis.metrics.image.sample_diversity import Diversity, InstanceDiversity, Pairing, RegionDiversity, RegionRule

Generate = Callable[..., Image]
"""What is asked of a model: `generate(labels, resample=..., samples=n, seed=...)` returns n images, -1..1, of one label
map (1, height, width), which the seed alone decides.

`resample` says what they differ in: None for everything, a class's id for that class alone, ("instance", id) for that
instance alone; only then the instance map is given too, as `instances`.

One that takes neither `samples` nor `seed` is called once for each image: `generate(labels, resample=...)` returns one,
drawn anew. No seed holds the rest fixed there: the model itself must give what is not resampled alike in all calls of
one label map.
"""
_RANGE = 1.01
"""Images end at -1 and 1, but for round-off."""


def measure(
    generate: Generate,
    labels: Mapping[str, LabelMap],
    *,
    instances: Mapping[str, InstanceMap] | None = None,
    classes: int | None = None,
    ignore: Ignored = None,
    network: PerceptualDistance | None = None,
    samples: int = 20,
    pairs: Pairing = "consecutive",
    region: RegionRule = "mask",
    batch: int = 32,
    seed: int = 0,
    bootstrap: Bootstrap | None = None,
) -> dict[str, Result]:
    """Return diversity (named as the network is: `lpips_alex`), mCSD and mOCD of any model, by name.

    With instance maps (by the keys of the label maps) also mISD and mOISD. Classes of `ignore` are not resampled, nor
    is an instance in one; where no part is left, nothing is said of parts.

    Raises:
        WeightsError: if no network is given and the weights of `lpips_alex` are missing.
        ParamsError: if there is no label map, or `samples` is less than 2.
        ImageError: if the model gives images of another number, size or range.
    """
    if not labels or samples < 2:
        raise ParamsError(f"{len(labels)} label maps of {samples} samples have no pairs; give 1 map, 2 samples or more")
    network = network if network is not None else lpips.load("lpips_alex").to(device_of())
    classes = classes or 1 + max(int(each.max()) for each in labels.values())
    uncounted = ids_of(ignore)
    varied = Diversity(network, pairs=pairs, batch=batch)
    of_classes = RegionDiversity(network, classes=classes, pairs=pairs, region=region, batch=batch)
    of_instances = InstanceDiversity(network, pairs=pairs, region=region, batch=batch)
    for key, each in labels.items():
        drawn = _Drawn(generate, each, samples=samples, seed=generator(seed, "diversity", key).initial_seed())
        varied.update(key, drawn.image(network, resample=None))
        for number in _ids(each, uncounted):
            image = drawn.image(network, resample=number)
            of_classes.update(key, image, (each[0] == number).to(image.device), resampled=number)
        areas = instances[key] if instances else each[:0]
        for number in _ids(areas):
            if int(each[areas == number][0]) in uncounted:
                continue
            image = drawn.image(network, resample=("instance", number), instances=areas)
            of_instances.update(key, image, (areas[0] == number).to(image.device), instance=number)
    bootstrap = bootstrap or Bootstrap(seed=seed)
    parts = [each for metric in (of_classes, of_instances) if metric.values for each in metric.compute(bootstrap)]
    device = device_name(network.shift.device)
    known: dict[str, Any] = {"resize": "none", "device": device, "precision": "float32"}
    known |= lpips.protocol(network.name) if network.name in lpips.NETWORKS else {}
    of_parts = known | ({"ignore": uncounted} if uncounted else {})
    results = [(varied.compute(bootstrap), known), *((each, of_parts) for each in parts)]
    return {each.name: replace(each, protocol=how | dict(each.protocol)) for each, how in results}


def _ids(ids: LabelMap, uncounted: Collection[int] = ()) -> Iterator[int]:
    return (number for number in ids.unique().tolist() if number not in uncounted)


class _Drawn:
    """The images of one label map: all from one seed, so that what is not resampled is the same."""

    def __init__(self, generate: Generate, labels: LabelMap, *, samples: int, seed: int) -> None:
        self._generate, self._labels, self._samples, self._seed = generate, labels, samples, seed

    def image(self, network: PerceptualDistance, **what: Any) -> Image:
        image = self._made(what)
        wanted = (self._samples, 3, *self._labels.shape[1:])
        if tuple(image.shape) != wanted:
            raise ImageError(f"the model gave images {tuple(image.shape)}, but {wanted} were asked for")
        low, high = image.aminmax()
        if not (image.is_floating_point() and -_RANGE <= low <= high <= _RANGE):  # which NaN is not either
            found = f"{image.dtype} images from {low.item():.4g} to {high.item():.4g}"
            raise ImageError(f"the model gave {found}, but floats of -1 to 1 are asked for")
        return image.to(network.shift.device, torch.float32)

    def _made(self, what: Mapping[str, Any]) -> Tensor:
        if _draws_several(self._generate):
            return self._generate(self._labels, samples=self._samples, seed=self._seed, **what)
        return torch.cat([self._generate(self._labels, **what) for _ in range(self._samples)])


def _draws_several(generate: Generate) -> bool:
    """Say whether a model takes `samples` and `seed`; one that hides what it takes is asked for what is documented.

    Raises:
        ParamsError: if it takes one of them alone.
    """
    try:
        taken = inspect.signature(generate).parameters
    except (TypeError, ValueError):
        return True
    if any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        return True
    known = {"samples", "seed"} & taken.keys()
    if len(known) == 1:
        raise ParamsError(
            f"the model takes {', '.join(known)} alone; let it take both `samples` and `seed`, or neither"
        )
    return bool(known)
