"""What the verbs of `smis metrics` do: open, measure with a bar, say on what it was measured."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from smis.cli.image_sets import (
    RegionMaps,
    ResampledRegion,
    ignored,
    is_prepared,
    map_names,
    open_groups,
    open_maps,
    open_named,
    open_regions,
    open_source,
)
from smis.core.errors import ImageError, LabelError, ParamsError, ProtocolError
from smis.core.images import to_image
from smis.core.progress import ProgressBar
from smis.core.shapes import Image
from smis.metrics import cost, image_files
from smis.metrics.image import fid, inception, lpips
from smis.metrics.image.feature_statistics import Statistics
from smis.metrics.image.features import device_of
from smis.metrics.image.result import Bootstrap, Result
from smis.metrics.image.sample_diversity import Diversity, InstanceDiversity, RegionDiversity
from smis.metrics.image_files import Source
from smis.metrics.kid import KernelDistance
from smis.metrics.paired import PairedDistance
from smis.metrics.segmentation import Segmentation

T = TypeVar("T")


def fid_results(chosen: argparse.Namespace) -> list[Result]:
    """Measure `fid`, or only keep statistics."""
    if chosen.fake is None and chosen.save is None:
        raise ParamsError("there is nothing to compare with; give FAKE too, or --save FILE.npz")
    sides = [_side(path, chosen) for path in (chosen.real, chosen.fake) if path is not None]
    needed = any(isinstance(side, Source) for side in sides)
    network = inception.load().to(device_of(chosen.device)) if needed else None
    images = [_images(side, chosen) if isinstance(side, Source) else side for side in sides]
    real = images[0] if isinstance(images[0], Statistics) else fid.statistics(images[0], network=network)
    if chosen.save is not None:
        real.write(chosen.save)
    if chosen.fake is None:
        return []
    return [_placed(fid.measure(real, images[1], network=network, seed=chosen.seed), chosen, **_split(chosen))]


def kid_results(chosen: argparse.Namespace) -> list[Result]:
    """Measure `kid`."""
    sides = [_kid_side(path, chosen) for path in (chosen.real, chosen.fake)]
    needed = any(isinstance(side, Source) for side in sides)
    network = inception.load().to(device_of(chosen.device)) if needed else None
    distance = KernelDistance("kid", inception.protocol())
    for side, update in zip(sides, (distance.update_real, distance.update), strict=True):
        for names, vectors in _vectors(side, network, chosen):
            update(vectors, names)
    return [_placed(distance.compute(_bootstrap(chosen)), chosen, **_split(chosen))]


def lpips_results(chosen: argparse.Namespace) -> list[Result]:
    """Measure the pairs of two sets of pictures."""
    sides = chosen.a, chosen.b
    (first, left_of), (second, right_of) = (open_named(path, split=chosen.split) for path in sides)
    names = image_files.pair_up(first, second, folders=sides)

    def beside(number: int) -> np.ndarray:
        name = names[number]
        pair = [left_of(name), right_of(name)]
        image_files.check_sizes([str(first[name]), str(second[name])], pair)
        return np.concatenate(pair, axis=1)

    device, network = device_of(chosen.device), lpips.load(chosen.network)
    distance = PairedDistance(network.to(device))
    pairs = Source(names, beside, str(chosen.a))
    with _bar(chosen, total=len(names), unit="pairs") as bar:
        for some, image in image_files.image_batches(pairs, batch=chosen.batch, workers=chosen.workers):
            left, right = image.to(device).chunk(2, dim=3)
            with _of(f"{some[0]} in {chosen.a}"):
                distance.update(some, left, right)
            bar.advance(len(some))
    return [_placed(distance.compute(_bootstrap(chosen)), chosen, resize="none", **_of_split(chosen, *sides))]


def diversity_results(chosen: argparse.Namespace) -> list[Result]:
    """Measure the pairs of each label map."""
    source, groups = open_groups(chosen.folder)
    device, network = device_of(chosen.device), lpips.load(chosen.network)
    varied = Diversity(network.to(device), pairs=chosen.pairs, batch=chosen.batch)
    stems = list(groups)
    sets = _ahead(lambda number: image_files.of_one_size(groups[stems[number]], source), len(stems), chosen)
    for stem, image in zip(stems, sets, strict=True):
        with _of(f"{stem} in {source.title}"):
            varied.update(stem, to_image(image, device=device))
    result = varied.compute(_bootstrap(chosen))
    protocol = lpips.protocol(chosen.network) | dict(result.protocol)
    return [_placed(replace(result, protocol=protocol), chosen, resize="none")]


def region_results(chosen: argparse.Namespace) -> list[Result]:
    """Measure the pairs of each label map inside and outside the part that was drawn anew."""
    parts, (labels, split) = open_regions(chosen.folder), (chosen.labels, chosen.split)
    maps = RegionMaps(parts, labels, instances=chosen.instances, split=split, ignore=chosen.ignore)
    classes = 1 + max((part.number for part in parts if part.kind == "class"), default=0)
    network = lpips.load(chosen.network).to(device_of(chosen.device))
    how: dict[str, Any] = {"pairs": chosen.pairs, "region": chosen.region, "batch": chosen.batch}
    regions, instances = RegionDiversity(network, classes=classes, **how), InstanceDiversity(network, **how)
    for part, stem, image, inside in _parts(maps, chosen):
        with _of(f"{stem} in {part.source.title}"):
            if part.kind == "class":
                regions.update(stem, image, inside, resampled=part.number)
            else:
                instances.update(stem, image, inside, instance=part.number)
    results = [result for found in (regions, instances) if found.values for result in found.compute(_bootstrap(chosen))]
    if not results:
        raise ParamsError(f"all parts in {chosen.folder} are of classes {_listed(maps.ignore)}, which do not count")
    known = lpips.protocol(chosen.network) | ({"ignore": maps.ignore} if maps.ignore else {})
    known |= {"resize": "none", **_of_split(chosen, labels)}
    return [_placed(replace(one, protocol=known | dict(one.protocol)), chosen) for one in results]


def _parts(maps: RegionMaps, chosen: argparse.Namespace) -> Iterator[tuple[ResampledRegion, str, Image, torch.Tensor]]:
    """Give each label map's pictures with the area of what was drawn anew; one without that part says nothing of it."""
    sets = [(part, stem) for part in maps.regions for stem in part.groups]

    def read(number: int) -> tuple[ResampledRegion, str, np.ndarray, torch.Tensor]:
        part, stem = sets[number]
        inside = maps.inside(part, stem)
        found = image_files.of_one_size(part.groups[stem], part.source)
        if found.shape[1:3] != inside.shape:
            size, wanted = (f"{each[0]} x {each[1]}" for each in (found.shape[1:3], inside.shape))
            raise ImageError(f"the pictures of {stem} in {part.source.title} are {size}, but its map is {wanted}")
        return part, stem, found, inside

    device = device_of(chosen.device)
    for part, stem, found, inside in _ahead(read, len(sets), chosen):
        if inside.any():
            yield part, stem, to_image(found, device=device), inside.to(device)


def segmentation_results(chosen: argparse.Namespace) -> list[Result]:
    """Count the pixels of predicted label maps and of the true ones."""
    sides, ignore = (chosen.predicted, chosen.truth), ignored(chosen.truth, chosen.ignore)
    predicted, truth = (map_names(side, chosen.split) for side in sides)
    names = image_files.pair_up(predicted, truth, folders=sides)
    guess_of, map_of = (open_maps(side, split=chosen.split) for side in sides)

    def read(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        paths = predicted[names[number]], truth[names[number]]
        ids = guess_of(names[number]), map_of(names[number])
        return _counted(*ids, paths=paths, classes=chosen.classes, ignore=ignore)

    how: dict[str, Any] = {"resize": "none", "ignore": ignore, **_of_split(chosen, chosen.truth)}
    found = Segmentation(classes=chosen.classes, ignore=ignore, protocol=how)
    for name, (guess, real) in zip(names, _ahead(read, len(names), chosen), strict=True):
        found.update([name], guess, real)
    results = list(found.compute(_bootstrap(chosen)))
    return results + (found.per_class(_bootstrap(chosen)) if chosen.per_class else [])


def _counted(
    guess: torch.Tensor, real: torch.Tensor, *, paths: tuple[Path, Path], classes: int, ignore: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Check a pair, whose ids must be those of classes wherever they count."""
    if guess.shape != real.shape:
        size, wanted = (f"{ids.shape[0]} x {ids.shape[1]}" for ids in (guess, real))
        raise LabelError(f"{paths[0]} is {size}, but {paths[1]} is {wanted}; make them of one size")
    counted = ~torch.isin(real, torch.tensor(ignore, dtype=real.dtype))
    forgotten = f"--ignore is {_listed(ignore)}; is --classes too small?" if ignore else "was --ignore forgotten?"
    predicted = "what is predicted must be one of them; is --classes too small?"
    for path, ids, remedy in ((paths[1], real[counted], forgotten), (paths[0], guess[counted], predicted)):
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < classes:
            raise LabelError(
                f"{path} has ids from {int(ids.min())} to {int(ids.max())} where they count, but there are "
                f"{classes} classes (0 to {classes - 1}); {remedy}"
            )
    return guess.where(counted, 0)[None], real[None]


def _listed(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids))


def _side(path: Path, chosen: argparse.Namespace) -> Source | Statistics:
    if path.suffix == ".npz" and path.exists():
        return Statistics.read(path)
    return open_source(path, split=chosen.split)


def _kid_side(path: Path, chosen: argparse.Namespace) -> Source | Statistics:
    """Statistics do when they hold what they were made from, by Inception."""
    side = _side(path, chosen)
    if isinstance(side, Source):
        return side
    if side.vectors is None:
        raise ParamsError(
            f"{path} holds no single vectors, as KID needs and pytorch-fid never keeps; give the pictures"
        )
    network, numbers = json.loads(side.protocol or "{}").get("network", inception.NAME), side.vectors.shape[1]
    if (network, numbers) != (inception.NAME, inception.DIMENSIONS):
        what = f"{numbers} numbers of {network}, but KID is of {inception.DIMENSIONS} of {inception.NAME}"
        raise ProtocolError(f"{path} holds vectors of {what}; give the pictures")
    return side


def _vectors(
    side: Source | Statistics, network: nn.Module | None, chosen: argparse.Namespace
) -> Iterator[tuple[Sequence[str] | None, torch.Tensor]]:
    if isinstance(side, Statistics):
        assert side.vectors is not None
        yield None, side.vectors
        return
    assert network is not None
    for names, image in _images(side, chosen):
        yield names, inception.features(network, image)


@contextmanager
def _of(title: str) -> Iterator[None]:
    """Say of which pictures an error speaks."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{title}: {error}") from None


def _images(source: Source, chosen: argparse.Namespace) -> Iterator[tuple[list[str], torch.Tensor]]:
    """Give the pictures by name as Inception sees them."""
    parts = image_files.image_batches(source, batch=chosen.batch, workers=chosen.workers, resize=inception.resize)
    with ProgressBar(source.title, total=len(source), unit="images", visible=sys.stderr.isatty()) as bar:
        for names, image in parts:
            yield names, image
            bar.advance(len(names))


def _ahead(read: Callable[[int], T], count: int, chosen: argparse.Namespace) -> Iterator[T]:
    """Give what belongs to each label map, read by threads."""
    with _bar(chosen, total=count, unit="label maps") as bar:
        for [each] in image_files.read_ahead(read, count, workers=chosen.workers, batch=1):
            yield each
            bar.advance()


def _bar(chosen: argparse.Namespace, *, total: int, unit: str) -> ProgressBar:
    return ProgressBar(chosen.metric, total=total, unit=unit, visible=sys.stderr.isatty())


def _bootstrap(chosen: argparse.Namespace) -> Bootstrap:
    return Bootstrap(seed=chosen.seed)


def _split(chosen: argparse.Namespace) -> dict[str, str]:
    return {"reference_split": chosen.split} if (chosen.real / "index.parquet").is_file() else {}


def _of_split(chosen: argparse.Namespace, *sides: Path) -> dict[str, str]:
    return {"split": chosen.split} if any(map(is_prepared, sides)) else {}


def _placed(result: Result, chosen: argparse.Namespace, **more: str) -> Result:
    place = {"device": cost.device_name(device_of(chosen.device)), "precision": "float32"}
    return replace(result, protocol={**result.protocol, **place, **more})


MEASURES = {
    "fid": fid_results,
    "kid": kid_results,
    "lpips": lpips_results,
    "diversity": diversity_results,
    "regions": region_results,
    "segmentation": segmentation_results,
}
