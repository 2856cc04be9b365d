"""What the verbs of `smis metrics` do: open, measure with a bar, say on what it was measured."""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from smis.cli.parts import Maps, Part, open_parts
from smis.cli.sources import open_groups, open_source
from smis.core.errors import ImageError, LabelError, ParamsError
from smis.core.progress import Bar
from smis.core.shapes import Image
from smis.metrics import cost, fid, inception, networks, pictures
from smis.metrics import kid as kernel
from smis.metrics.diversity import Diversity, RegionDiversity
from smis.metrics.features import device_of, image_of
from smis.metrics.gaussian import Statistics
from smis.metrics.instance_diversity import InstanceDiversity
from smis.metrics.paired import PairedDistance
from smis.metrics.pictures import Source
from smis.metrics.result import Bootstrap, Result
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
    return [_placed(fid.measure(real, images[1], network=network), chosen, **_split(chosen))]


def kid_results(chosen: argparse.Namespace) -> list[Result]:
    """Measure `kid`."""
    sides = [open_source(path, split=chosen.split) for path in (chosen.real, chosen.fake)]
    network = inception.load().to(device_of(chosen.device))
    real, fake = (_images(side, chosen) for side in sides)
    return [_placed(kernel.measure(real, fake, network=network, seed=chosen.seed), chosen, **_split(chosen))]


def lpips_results(chosen: argparse.Namespace) -> list[Result]:
    """Measure the pairs of two folders."""
    folders = chosen.a, chosen.b
    first, second = (pictures.files_by_name(path) for path in folders)
    names = pictures.pair_up(first, second, folders=folders)
    device, network = device_of(chosen.device), networks.load(chosen.network)
    distance = PairedDistance(network.to(device))
    pairs = Source(names, lambda number: _beside(first[names[number]], second[names[number]]), str(chosen.a))
    with _bar(chosen, total=len(names), unit="pairs") as bar:
        for some, image in pictures.image_batches(pairs, batch=chosen.batch, workers=chosen.workers):
            left, right = image.to(device).chunk(2, dim=3)
            distance.update(some, left, right)
            bar.advance(len(some))
    return [_placed(distance.compute(_bootstrap(chosen)), chosen, resize="none")]


def diversity_results(chosen: argparse.Namespace) -> list[Result]:
    """Measure the pairs of each label map."""
    source, groups = open_groups(chosen.folder)
    device, network = device_of(chosen.device), networks.load(chosen.network)
    varied = Diversity(network.to(device), pairs=chosen.pairs, batch=chosen.batch)
    stems = list(groups)
    sets = _ahead(lambda number: pictures.of_one_size(groups[stems[number]], source), len(stems), chosen)
    for stem, image in zip(stems, sets, strict=True):
        varied.update(stem, image_of(image, device=device))
    result = varied.compute(_bootstrap(chosen))
    protocol = networks.protocol(chosen.network) | dict(result.protocol)
    return [_placed(replace(result, protocol=protocol), chosen, resize="none")]


def region_results(chosen: argparse.Namespace) -> list[Result]:
    """Measure the pairs of each label map inside and outside the part that was drawn anew."""
    parts, (labels, split) = open_parts(chosen.folder), (chosen.labels, chosen.split)
    maps = Maps(parts, labels, instances=chosen.instances, split=split, ignore=chosen.ignore)
    classes = 1 + max((part.number for part in parts if part.kind == "class"), default=0)
    network = networks.load(chosen.network).to(device_of(chosen.device))
    how: dict[str, Any] = {"pairs": chosen.pairs, "region": chosen.region, "batch": chosen.batch}
    regions, instances = RegionDiversity(network, classes=classes, **how), InstanceDiversity(network, **how)
    for part, stem, image, inside in _parts(maps, chosen):
        if part.kind == "class":
            regions.update(stem, image, inside, resampled=part.number)
        else:
            instances.update(stem, image, inside, instance=part.number)
    results = [result for found in (regions, instances) if found.values for result in found.compute(_bootstrap(chosen))]
    if not results:
        raise ParamsError(f"all parts in {chosen.folder} are of class {maps.ignore}, which does not count")
    known = networks.protocol(chosen.network) | ({} if maps.ignore is None else {"ignore": maps.ignore})
    return [_placed(replace(one, protocol=known | dict(one.protocol)), chosen, resize="none") for one in results]


def _parts(maps: Maps, chosen: argparse.Namespace) -> Iterator[tuple[Part, str, Image, torch.Tensor]]:
    """Give each label map's pictures with the area of what was drawn anew; one without that part says nothing of it."""
    sets = [(part, stem) for part in maps.parts for stem in part.groups]

    def read(number: int) -> tuple[Part, str, np.ndarray, torch.Tensor]:
        part, stem = sets[number]
        inside = maps.inside(part, stem)
        found = pictures.of_one_size(part.groups[stem], part.source)
        if found.shape[1:3] != inside.shape:
            size, wanted = (f"{each[0]} x {each[1]}" for each in (found.shape[1:3], inside.shape))
            raise ImageError(f"the pictures of {stem} in {part.source.title} are {size}, but its map is {wanted}")
        return part, stem, found, inside

    device = device_of(chosen.device)
    for part, stem, found, inside in _ahead(read, len(sets), chosen):
        if inside.any():
            yield part, stem, image_of(found, device=device), inside.to(device)


def segmentation_results(chosen: argparse.Namespace) -> list[Result]:
    """Count the pixels of two folders of label maps."""
    folders = chosen.predicted, chosen.truth
    predicted, truth = (pictures.files_by_name(path, error=LabelError) for path in folders)
    names = pictures.pair_up(predicted, truth, folders=folders)
    found = Segmentation(classes=chosen.classes, ignore=chosen.ignore, protocol={"ignore": chosen.ignore})
    pairs = _ahead(lambda number: _maps(predicted[names[number]], truth[names[number]], chosen), len(names), chosen)
    for name, (guess, real) in zip(names, pairs, strict=True):
        found.update([name], guess, real)
    results = list(found.compute(_bootstrap(chosen)))
    return results + (found.per_class(_bootstrap(chosen)) if chosen.per_class else [])


def _maps(predicted: Path, truth: Path, chosen: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor]:
    """Read a pair, whose ids must be those of classes wherever they count."""
    guess, real = pictures.read_ids(predicted), pictures.read_ids(truth)
    if guess.shape != real.shape:
        size, wanted = (f"{ids.shape[0]} x {ids.shape[1]}" for ids in (guess, real))
        raise LabelError(f"{predicted} is {size}, but {truth} is {wanted}; make them of one size")
    counted = torch.ones_like(real, dtype=torch.bool) if chosen.ignore is None else real != chosen.ignore
    for path, ids in ((truth, real[counted]), (predicted, guess[counted])):
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < chosen.classes:
            raise LabelError(
                f"{path} has ids from {int(ids.min())} to {int(ids.max())} where they count, but there are "
                f"{chosen.classes} classes (0 to {chosen.classes - 1}); was --ignore forgotten?"
            )
    return guess.where(counted, 0)[None], real[None]


def _side(path: Path, chosen: argparse.Namespace) -> Source | Statistics:
    if path.suffix == ".npz" and path.exists():
        return Statistics.read(path)
    return open_source(path, split=chosen.split)


def _beside(first: Path, second: Path) -> np.ndarray:
    left, right = pictures.read_picture(first), pictures.read_picture(second)
    pictures.check_sizes([str(first), str(second)], [left, right])
    return np.concatenate([left, right], axis=1)


def _images(source: Source, chosen: argparse.Namespace) -> Iterator[torch.Tensor]:
    """Give the pictures as Inception sees them."""
    parts = pictures.image_batches(source, batch=chosen.batch, workers=chosen.workers, resize=inception.resize)
    with Bar(source.title, total=len(source), unit="images", visible=sys.stderr.isatty()) as bar:
        for names, image in parts:
            yield image
            bar.advance(len(names))


def _ahead(read: Callable[[int], T], count: int, chosen: argparse.Namespace) -> Iterator[T]:
    """Give what belongs to each label map, read by threads."""
    with _bar(chosen, total=count, unit="label maps") as bar:
        for [each] in pictures.read_ahead(read, count, workers=chosen.workers, batch=1):
            yield each
            bar.advance()


def _bar(chosen: argparse.Namespace, *, total: int, unit: str) -> Bar:
    return Bar(chosen.metric, total=total, unit=unit, visible=sys.stderr.isatty())


def _bootstrap(chosen: argparse.Namespace) -> Bootstrap:
    return Bootstrap(seed=chosen.seed)


def _split(chosen: argparse.Namespace) -> dict[str, str]:
    return {"reference_split": chosen.split} if (chosen.real / "index.parquet").is_file() else {}


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
