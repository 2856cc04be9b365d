"""LPIPS diversity, mCSD, mOCD, mISD and mOISD of any model, or of samples that were generated before.

Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), section 4.1. Tan et al., "Diverse Semantic Image
Synthesis via Probability Distribution Modeling" (CVPR 2021) resample instances instead of classes.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch

from smis.core.errors import ImageError, LabelError, ParamsError, shown
from smis.core.images import validate_images
from smis.core.numbers import whole, whole_seed
from smis.core.sample import validate_maps
from smis.core.seeding import generator
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.metrics.image import lpips
from smis.metrics.image.features import compute_protocol, device_of
from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.result import Bootstrap, Ignored, Result, check_bootstrap, ids_of
from smis.metrics.image.sample_diversity import Diversity, InstanceDiversity, Pairing, RegionDiversity, RegionRule

Generate = Callable[..., Image]
"""A model: `generate(labels, resample=..., samples=n, seed=...)` returns n images, -1..1, of one label map (1, h, w),
which the seed alone decides.

`resample` is what the images differ in: None for everything, the id of one class, or ("instance", id) for one instance;
only then the instance map is passed too, as `instances`.

A model that takes neither `samples` nor `seed` is called once per image: `generate(labels, resample=...)` returns one
new image. No seed fixes the rest there: the model itself must return what is not resampled alike in all calls for one
label map.
"""
_MOST_SAMPLES = 10_000


class SampleMetrics:
    """All metrics of diversity together; each result names the network and the ignored classes in its protocol.

    Call `overall.update`, `classes.update` and `instances.update` with the samples of a label map.

    Args:
        network: Compares two images.
        classes: Number of classes.
        ignore: Ids of the classes that do not count; the caller leaves their samples out.
        pairs: Compare neighboring samples (19 pairs of 20), or all (190).
        region: How the area of a class or instance is cut out, see `region_diversity`.
        batch: Images in the network at once.

    Example:
        >>> metrics = SampleMetrics(lpips.load("stlpips_alex"), classes=2)
        >>> metrics.overall.update("map 1", torch.zeros(2, 3, 32, 32))
        >>> [(result.name, result.value) for result in metrics.compute(Bootstrap(resamples=10))]
        [('stlpips_alex', 0.0)]
    """

    def __init__(
        self,
        network: PerceptualDistance,
        *,
        classes: int,
        ignore: Ignored = None,
        pairs: Pairing = "consecutive",
        region: RegionRule = "mask",
        batch: int = 32,
    ) -> None:
        self._network, self._ignore = network, ids_of(ignore)
        self.overall = Diversity(network, pairs=pairs, batch=batch)
        self.classes = RegionDiversity(network, classes=classes, pairs=pairs, region=region, batch=batch)
        self.instances = InstanceDiversity(network, pairs=pairs, region=region, batch=batch)

    def compute(self, bootstrap: Bootstrap) -> list[Result]:
        """Return the results of the metrics that have samples, the overall diversity first."""
        check_bootstrap(bootstrap)
        name = self._network.name
        network = lpips.protocol(name) if name in lpips.NETWORKS else {}
        ignored = {"ignore": self._ignore} if self._ignore else {}
        results = [self.overall.compute(bootstrap).with_protocol(network)] if self.overall.values else []
        for metric in (self.classes, self.instances):
            if metric.values:
                results += [result.with_protocol(network | ignored) for result in metric.compute(bootstrap)]
        return results


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
    """Return the LPIPS diversity (named after the network: `lpips_alex`), mCSD and mOCD of a model.

    Args:
        generate: The model.
        labels: Label maps (1, h, w) by key.
        instances: Instance maps by the same keys; with them mISD and mOISD are measured too.
        classes: Number of classes; by default one more than the largest id.
        ignore: Ids of classes that are not resampled, nor an instance of one. If no class is left, mCSD and mOCD are
            left out.
        network: Compares two images; by default `lpips_alex`.
        samples: Images per label map, and per class and instance of it.
        pairs: As for `SampleMetrics`, like `region` and `batch`.
        region: The same.
        batch: The same.
        seed: Of the images and the bootstrap.
        bootstrap: Makes the intervals; by default 1000 resamples.

    Raises:
        WeightsError: if no network is given and the weights of `lpips_alex` are missing.
        ParamsError: if there is no label map, or `samples` is not 2 to 10,000.
        LabelError: if maps are not integers (1, h, w).
        ImageError: if the model returns images of another number, size or range.

    Example:
        >>> def noise(labels, *, resample, samples, seed):
        ...     numbers = torch.Generator().manual_seed(seed)
        ...     return torch.rand(samples, 3, *labels.shape[1:], generator=numbers) * 2 - 1
        >>> maps = {"map 1": torch.arange(32).repeat(1, 32, 1) // 16}
        >>> results = measure(noise, maps, network=lpips.load("stlpips_alex"), samples=2)
        >>> sorted(results)
        ['mCSD', 'mOCD', 'stlpips_alex']
    """
    samples, bootstrap = whole(samples, "samples", low=2, high=_MOST_SAMPLES), bootstrap or Bootstrap(seed=seed)
    seed = whole_seed(seed)
    _check_maps(labels, instances)
    network = network if network is not None else lpips.load("lpips_alex").to(device_of())
    classes = 1 + max(int(each.max()) for each in labels.values()) if classes is None else classes
    ignored = ids_of(ignore)
    metrics = SampleMetrics(network, classes=classes, ignore=ignored, pairs=pairs, region=region, batch=batch)
    for key, each in labels.items():
        model = _Model(generate, each, samples=samples, seed=generator(seed, "diversity", key).initial_seed())
        metrics.overall.update(key, model.images(network, resample=None))
        for number in _ids(each, ignored):
            image = model.images(network, resample=number)
            metrics.classes.update(key, image, (each[0] == number).to(image.device), resampled=number)
        areas = instances[key] if instances else each[:0]
        for number in _ids(areas):
            if int(each[areas == number][0]) in ignored:
                continue
            image = model.images(network, resample=("instance", number), instances=areas)
            metrics.instances.update(key, image, (areas[0] == number).to(image.device), resampled=number)
    where = {"resize": "none", **compute_protocol(network.shift.device)}
    results = metrics.compute(bootstrap)
    return {result.name: result.with_protocol(where) for result in results}


def _check_maps(labels: Mapping[str, LabelMap], instances: Mapping[str, InstanceMap] | None) -> None:
    """Check that there are label maps (1, h, w) by key, and instance maps for all of them or none."""
    if not isinstance(labels, Mapping) or not labels:
        raise ParamsError(f"labels is {shown(labels)}; give at least one label map, by its key")
    if instances is not None and not (isinstance(instances, Mapping) and labels.keys() <= (instances or labels).keys()):
        raise ParamsError(f"instances is {shown(instances)}; give a map for each key of labels, or leave it out")
    for key, each in labels.items():
        maps = {"label": each} | ({"instance": instances[key]} if instances else {})
        shapes = {tuple(validate_maps(ids, name=f"the {kind} map {key}").shape) for kind, ids in maps.items()}
        if len(shapes) > 1 or len(each) > 1:
            raise LabelError(f"the maps {key} are {', '.join(map(str, sorted(shapes)))}; give (1, h, w) of one size")


def _ids(ids: LabelMap, ignored: Collection[int] = ()) -> Iterator[int]:
    return (number for number in ids.unique().tolist() if number not in ignored)


class _Model:
    """Generate the images of one label map, all from one seed, so that what is not resampled is the same."""

    def __init__(self, generate: Generate, labels: LabelMap, *, samples: int, seed: int) -> None:
        self._generate, self._labels, self._samples, self._seed = generate, labels, samples, seed

    def images(self, network: PerceptualDistance, **options: Any) -> Image:
        return self._call(options).to(network.shift.device)

    def _call(self, options: Mapping[str, Any]) -> Image:
        if _takes_samples(self._generate):
            image = self._generate(self._labels, samples=self._samples, seed=self._seed, **options)
            return self._checked(image, self._samples)
        return torch.cat([self._checked(self._generate(self._labels, **options), 1) for _ in range(self._samples)])

    def _checked(self, given: object, count: int) -> Image:
        image = validate_images(given, name="the model's images")
        shape = (count, 3, *self._labels.shape[1:])
        if tuple(image.shape) != shape:
            raise ImageError(f"the model gave images {tuple(image.shape)}, but {shape} were asked for")
        return image


def _takes_samples(generate: Generate) -> bool:
    """Return whether a model takes `samples` and `seed`; one whose signature is not known is taken to do so.

    Raises:
        ParamsError: if it takes only one of them.
    """
    try:
        parameters = inspect.signature(generate).parameters
    except (TypeError, ValueError):
        return True
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return True
    known = {"samples", "seed"} & parameters.keys()
    if len(known) == 1:
        raise ParamsError(
            f"the model takes {', '.join(known)} alone; let it take both `samples` and `seed`, or neither"
        )
    return bool(known)
