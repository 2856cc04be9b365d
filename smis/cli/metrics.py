"""`smis metrics fid | kid | lpips | diversity | regions | segmentation`: measure the images of any model."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
import torch
from torch import nn

from smis.cli.arguments import batch_size, nonempty_path, positive, processes, seed, whole
from smis.cli.image_sets import (
    RegionMaps,
    ResampledRegion,
    ignored,
    is_prepared,
    open_groups,
    open_maps,
    open_named,
    open_regions,
    open_source,
)
from smis.core.errors import ImageError, LabelError, ParamsError, ProtocolError, naming
from smis.core.images import to_image
from smis.core.messages import report
from smis.core.numbers import MOST_CLASSES
from smis.core.progress import ProgressBar
from smis.core.sample import remedy_of_ids
from smis.core.shapes import Image, size_text
from smis.metrics import image_files
from smis.metrics.image import fid, inception, lpips
from smis.metrics.image.feature_statistics import Statistics
from smis.metrics.image.features import compute_protocol, device_of
from smis.metrics.image.result import Bootstrap, Result
from smis.metrics.image.sample_diversity import Pairing, RegionRule
from smis.metrics.image_files import Source
from smis.metrics.kid import KernelDistance
from smis.metrics.model_diversity import SampleMetrics
from smis.metrics.paired import PairedDistance
from smis.metrics.segmentation import Segmentation

T = TypeVar("T")

_MOST_ID = 65_535
"""The largest id of a label map."""
_IGNORE = "(default: those that the prepared data set of LABELS or TRUE ignores)"
_SET = "a folder of images, an Arrow file of samples, or a prepared data set"
_MAPS = "a folder, or a prepared data set"
_SPLIT = "split of prepared data sets (default: test)"


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("metrics")
    metrics = parser.add_subparsers(required=True, metavar="metric")

    of_fid = _metric(metrics, fid_results, "Fréchet Inception distance, equal to pytorch-fid's")
    of_fid.add_argument("real", type=nonempty_path, metavar="REAL", help=f"{_SET}, or a .npz of statistics")
    of_fid.add_argument("fake", type=nonempty_path, metavar="FAKE", nargs="?", help="as REAL; optional with --save")
    of_fid.add_argument(
        "--save", type=nonempty_path, metavar="FILE.npz", help="write REAL's statistics in pytorch-fid's format"
    )
    of_kid = _metric(metrics, kid_results, "kernel Inception distance")
    of_kid.add_argument("real", type=nonempty_path, metavar="REAL", help=f"{_SET}, or a .npz with vectors")
    of_kid.add_argument("fake", type=nonempty_path, metavar="FAKE", help=_SET)
    of_lpips = _metric(metrics, lpips_results, "mean LPIPS of pairs of images with one name in two sets")
    of_lpips.add_argument("a", type=nonempty_path, metavar="A", help=_SET)
    of_lpips.add_argument("b", type=nonempty_path, metavar="B", help="as A, with images of the same names and sizes")

    diversity = _metric(metrics, diversity_results, "mean LPIPS between the samples of one label map")
    diversity.add_argument(
        "folder",
        type=nonempty_path,
        metavar="FOLDER",
        help="STEM_00.png ..., a subfolder per label map, or an Arrow file",
    )
    regions = _metric(
        metrics, regions_results, "mCSD and mOCD, mISD and mOISD of samples that differ in one class or instance"
    )
    regions.add_argument(
        "folder",
        type=nonempty_path,
        metavar="FOLDER",
        help="has class-ID and instance-ID folders, each as for diversity, or class-ID.arrow and instances.arrow",
    )
    regions.add_argument("labels", type=nonempty_path, metavar="LABELS", help=f"label maps: {_MAPS}")
    regions.add_argument(
        "--instances", type=nonempty_path, metavar="MAPS", help="folder of instance maps, for instance-ID"
    )
    _add_ignore(regions, "classes that do not count")
    regions.add_argument("--region", choices=get_args(RegionRule), default="mask", help="default: mask")
    segmentation = _metric(metrics, segmentation_results, "mIoU and accuracy of label maps against the true ones")
    segmentation.add_argument("predicted", type=nonempty_path, metavar="PRED", help=f"label maps: {_MAPS}")
    segmentation.add_argument(
        "truth", type=nonempty_path, metavar="TRUE", help=f"label maps of the same names: {_MAPS}"
    )
    segmentation.add_argument(
        "--classes", type=positive(MOST_CLASSES), required=True, metavar="N", help="ids are 0 to N - 1"
    )
    _add_ignore(segmentation, "pixels of TRUE that do not count")
    segmentation.add_argument("--per-class", action="store_true", help="also print the IoU of each class")

    for metric in (of_fid, of_kid, of_lpips, regions, segmentation):
        metric.add_argument("--split", default="test", help=_SPLIT)
    for metric in (diversity, regions):
        metric.add_argument("--pairs", choices=get_args(Pairing), default="consecutive")
    for metric in (of_lpips, diversity, regions):
        metric.add_argument("--network", choices=lpips.NETWORKS, default="lpips_alex", help="default: lpips_alex")


def _metric(metrics: Any, measure: Callable[..., list[Result]], text: str) -> argparse.ArgumentParser:
    """Add a metric with the options that all have."""
    name = measure.__name__.removesuffix("_results")
    parser: argparse.ArgumentParser = metrics.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print one JSON object per value, each on its own line")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    parser.add_argument("--batch", type=batch_size, default=32, help="images in the network at once (default: 32)")
    parser.add_argument("--workers", type=processes, default=min(8, os.cpu_count() or 1), help="threads that decode")
    parser.add_argument("--seed", type=seed, default=0, help="of the bootstrap and of KID's subsets (default: 0)")
    parser.set_defaults(run=run, measure=measure, metric=name)
    return parser


def _add_ignore(metric: argparse.ArgumentParser, text: str) -> None:
    ids = {"type": whole(_MOST_ID), "nargs": "+", "default": [], "metavar": "ID"}
    metric.add_argument("--ignore", help=f"{text} {_IGNORE}", **ids)


def run(options: argparse.Namespace) -> None:
    """Measure, and print a line per value; warnings go to stderr."""
    for result in options.measure(options):
        if options.json:
            print(json.dumps({"name": result.name, **result.to_json()}, allow_nan=False))
            continue
        low, high = result.interval
        interval = f" [{low:.5g}, {high:.5g}]" if low == low else ""  # NaN: unknown
        print(f"{result.name} {result.value:.6g}{interval}")
        if "warning" in result.protocol:
            report(f"warning: {result.protocol['warning']}")


def fid_results(options: argparse.Namespace) -> list[Result]:
    """Measure FID, or only save the statistics of the real images."""
    if options.fake is None and options.save is None:
        raise ParamsError("there is nothing to compare with; give FAKE too, or --save FILE.npz")
    sides = [_open_side(path, options) for path in (options.real, options.fake) if path is not None]
    network = _inception(sides, options)
    images = [_inception_batches(side, options) if isinstance(side, Source) else side for side in sides]
    real = images[0] if isinstance(images[0], Statistics) else fid.statistics(images[0], network=network)
    if options.save is not None:
        real.write(options.save)
    if options.fake is None:
        return []
    return [
        _complete(fid.measure(real, images[1], network=network, seed=options.seed), options, **_real_split(options))
    ]


def kid_results(options: argparse.Namespace) -> list[Result]:
    """Measure KID."""
    sides = [_open_vectors(path, options) for path in (options.real, options.fake)]
    network = _inception(sides, options)
    distance = KernelDistance("kid", inception.protocol())
    for side, update in zip(sides, (distance.update_real, distance.update), strict=True):
        for names, vectors in _vectors(side, network, options):
            update(vectors, names)
    return [_complete(distance.compute(_bootstrap(options)), options, **_real_split(options))]


def lpips_results(options: argparse.Namespace) -> list[Result]:
    """Measure the LPIPS of pairs of images with one name in two sets."""
    sides = options.a, options.b
    (first, read_first), (second, read_second) = (open_named(path, split=options.split) for path in sides)
    names = image_files.pair_up(first, second, folders=sides)

    def concatenated(index: int) -> np.ndarray:
        name = names[index]
        pair = [read_first(name), read_second(name)]
        image_files.check_sizes([str(first[name]), str(second[name])], pair)
        return np.concatenate(pair, axis=1)

    device, network = device_of(options.device), lpips.load(options.network)
    distance = PairedDistance(network.to(device))
    pairs = Source(names, concatenated, str(options.a))
    with _bar(options, total=len(names), unit="pairs") as bar:
        for batch, image in image_files.image_batches(pairs, batch=options.batch, workers=options.workers):
            left, right = image.to(device).chunk(2, dim=3)
            with naming(f"{batch[0]} in {options.a}"):
                distance.update(batch, left, right)
            bar.advance(len(batch))
    return [_complete(distance.compute(_bootstrap(options)), options, resize="none", **_split(options, *sides))]


def diversity_results(options: argparse.Namespace) -> list[Result]:
    """Measure the diversity of the samples of each label map."""
    source, groups = open_groups(options.folder)
    device, stems = device_of(options.device), list(groups)
    metrics = SampleMetrics(lpips.load(options.network).to(device), classes=0, pairs=options.pairs, batch=options.batch)
    sets = _read_ahead(lambda index: image_files.of_one_size(groups[stems[index]], source), len(stems), options)
    for stem, image in zip(stems, sets, strict=True):
        with naming(f"{stem} in {source.title}"):
            metrics.overall.update(stem, to_image(image, device=device))
    return [_complete(result, options, resize="none") for result in metrics.compute(_bootstrap(options))]


def regions_results(options: argparse.Namespace) -> list[Result]:
    """Measure mCSD and mOCD, mISD and mOISD of samples that differ in one class or instance."""
    regions = open_regions(options.folder)
    maps = RegionMaps(regions, options.labels, instances=options.instances, split=options.split, ignore=options.ignore)
    metrics = SampleMetrics(
        lpips.load(options.network).to(device_of(options.device)),
        classes=1 + max((region.number for region in regions if region.kind == "class"), default=0),
        ignore=maps.ignore,
        pairs=options.pairs,
        region=options.region,
        batch=options.batch,
    )
    for region, stem, image, inside in _region_samples(maps, options):
        with naming(f"{stem} in {region.source.title}"):
            metric = metrics.classes if region.kind == "class" else metrics.instances
            metric.update(stem, image, inside, resampled=region.number)
    results = metrics.compute(_bootstrap(options))
    if not results:
        raise ParamsError(f"all parts in {options.folder} are of classes {_listed(maps.ignore)}, which do not count")
    return [_complete(result, options, resize="none", **_split(options, options.labels)) for result in results]


def _region_samples(
    maps: RegionMaps, options: argparse.Namespace
) -> Iterator[tuple[ResampledRegion, str, Image, torch.Tensor]]:
    """Yield the samples of each label map with the area that was resampled; label maps without it are left out."""
    sets = [(region, stem) for region in maps.regions for stem in region.groups]

    def read(index: int) -> tuple[ResampledRegion, str, np.ndarray, torch.Tensor]:
        region, stem = sets[index]
        inside = maps.inside(region, stem)
        samples = image_files.of_one_size(region.groups[stem], region.source)
        if samples.shape[1:3] != inside.shape:
            size, expected = size_text(samples.shape[1:3]), size_text(inside.shape)
            raise ImageError(f"the images of {stem} in {region.source.title} are {size}, but its map is {expected}")
        return region, stem, samples, inside

    device = device_of(options.device)
    for region, stem, samples, inside in _read_ahead(read, len(sets), options):
        if inside.any():
            yield region, stem, to_image(samples, device=device), inside.to(device)


def segmentation_results(options: argparse.Namespace) -> list[Result]:
    """Measure mIoU and accuracy of predicted label maps against the true ones."""
    sides, ignore = (options.predicted, options.truth), ignored(options.truth, options.ignore)
    (predicted, read_predicted), (truth, read_truth) = (open_maps(side, split=options.split) for side in sides)
    names = image_files.pair_up(predicted, truth, folders=sides)

    def read(index: int) -> tuple[torch.Tensor, torch.Tensor]:
        name = names[index]
        paths = predicted[name], truth[name]
        return _check_pair(read_predicted(name), read_truth(name), paths=paths, classes=options.classes, ignore=ignore)

    protocol: dict[str, Any] = {"resize": "none", "ignore": ignore, **_split(options, options.truth)}
    metric = Segmentation(classes=options.classes, ignore=ignore, protocol=protocol)
    for name, (guess, real) in zip(names, _read_ahead(read, len(names), options), strict=True):
        metric.update([name], guess, real)
    results = list(metric.compute(_bootstrap(options)))
    return results + (metric.per_class(_bootstrap(options)) if options.per_class else [])


def _check_pair(
    guess: torch.Tensor, real: torch.Tensor, *, paths: tuple[Path, Path], classes: int, ignore: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both label maps with a batch dimension, after checking that counted ids are those of classes."""
    if guess.shape != real.shape:
        size, expected = size_text(guess.shape), size_text(real.shape)
        raise LabelError(f"{paths[0]} is {size}, but {paths[1]} is {expected}; make them of one size")
    counted = ~torch.isin(real, torch.tensor(ignore, dtype=real.dtype))
    forgotten = f"--ignore is {_listed(ignore)}; is --classes too small?" if ignore else "was --ignore forgotten?"
    predicted = "what is predicted must be one of them; is --classes too small?"
    for path, ids, remedy in ((paths[1], real[counted], forgotten), (paths[0], guess[counted], predicted)):
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < classes:
            looks = remedy_of_ids(ids.unique().tolist(), classes=classes)
            raise LabelError(
                f"{path} has ids from {int(ids.min())} to {int(ids.max())} where they count, but there are "
                f"{classes} classes (0 to {classes - 1}); {looks or remedy}"
            )
    return guess.where(counted, 0)[None], real[None]


def _listed(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids))


def _open_side(path: Path, options: argparse.Namespace) -> Source | Statistics:
    if path.suffix == ".npz" and path.exists():
        return Statistics.read(path)
    return open_source(path, split=options.split)


def _open_vectors(path: Path, options: argparse.Namespace) -> Source | Statistics:
    """Open images, or statistics that hold Inception's features of the single images."""
    side = _open_side(path, options)
    if isinstance(side, Source):
        return side
    if side.vectors is None:
        raise ParamsError(f"{path} holds no single vectors, as KID needs and pytorch-fid never keeps; give the images")
    network, numbers = json.loads(side.protocol or "{}").get("network", inception.NAME), side.vectors.shape[1]
    if (network, numbers) != (inception.NAME, inception.DIMENSIONS):
        actual = f"{numbers} numbers of {network}, but KID is of {inception.DIMENSIONS} of {inception.NAME}"
        raise ProtocolError(f"{path} holds vectors of {actual}; give the images")
    return side


def _inception(sides: Sequence[Source | Statistics], options: argparse.Namespace) -> nn.Module | None:
    """Load Inception if a side consists of images."""
    if not any(isinstance(side, Source) for side in sides):
        return None
    return inception.load().to(device_of(options.device))


def _vectors(
    side: Source | Statistics, network: nn.Module | None, options: argparse.Namespace
) -> Iterator[tuple[Sequence[str] | None, torch.Tensor]]:
    if isinstance(side, Statistics):
        assert side.vectors is not None
        yield None, side.vectors
        return
    assert network is not None
    for names, image in _inception_batches(side, options):
        yield names, inception.features(network, image)


def _inception_batches(source: Source, options: argparse.Namespace) -> Iterator[tuple[list[str], torch.Tensor]]:
    """Yield batches of names and images, resized for Inception."""
    batches = image_files.image_batches(source, batch=options.batch, workers=options.workers, resize=inception.resize)
    with ProgressBar(source.title, total=len(source), unit="images", visible=sys.stderr.isatty()) as bar:
        for names, image in batches:
            yield names, image
            bar.advance(len(names))


def _read_ahead(read: Callable[[int], T], count: int, options: argparse.Namespace) -> Iterator[T]:
    """Yield what belongs to each label map, read by threads."""
    with _bar(options, total=count, unit="label maps") as bar:
        for [item] in image_files.read_ahead(read, count, workers=options.workers, batch=1):
            yield item
            bar.advance()


def _bar(options: argparse.Namespace, *, total: int, unit: str) -> ProgressBar:
    return ProgressBar(options.metric, total=total, unit=unit, visible=sys.stderr.isatty())


def _bootstrap(options: argparse.Namespace) -> Bootstrap:
    return Bootstrap(seed=options.seed)


def _real_split(options: argparse.Namespace) -> dict[str, str]:
    return {"reference_split": options.split} if is_prepared(options.real) else {}


def _split(options: argparse.Namespace, *sides: Path) -> dict[str, str]:
    return {"split": options.split} if any(map(is_prepared, sides)) else {}


def _complete(result: Result, options: argparse.Namespace, **fields: str) -> Result:
    return result.with_protocol(fields | compute_protocol(device_of(options.device)))
