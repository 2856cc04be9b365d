"""Draw the trials of a study: which pictures are shown together, the practice round, and the catch trials."""

from collections.abc import Iterator, Sequence
from itertools import combinations, count, islice

import numpy as np

from smis.core.errors import ParamsError
from smis.core.images import encode_image
from smis.core.numbers import real, whole
from smis.core.progress import track
from smis.core.shapes import ImageArray, size_text
from smis.studio.study.picture_sources import PictureSource
from smis.studio.study.tasks import MOST_PAIRS, NO, StudyTrial, TaskName

_BLOCKS = 8
"""Blocks per side of a scrambled picture."""
_ODD = 2
"""The place of the odd one before the pictures are turned."""

Cell = tuple[str, str, int]
"""A label map, a class, and the number of the pair."""


def draw_trials(
    sources: Sequence[PictureSource],
    task: TaskName,
    *,
    pairs: int = 20,
    catch_share: float = 0.1,
    practice: int = 3,
    seed: int = 0,
) -> list[StudyTrial]:
    """Draw the same label maps and classes for every system.

    Args:
        sources: The systems' pictures.
        task: What is asked.
        pairs: Trials of each system, or of each two systems if these are compared.
        catch_share: Share (0..0.5) of catch trials among all that count.
        practice: Trials before the first that counts.
        seed: What is drawn depends on it alone.

    Raises:
        ParamsError: if there are too few systems or pictures.
    """
    pairs, practice = whole(pairs, "pairs", low=1, high=MOST_PAIRS), whole(practice, "practice", high=20)
    share = real(catch_share, "catch_share", low=0, high=0.5)
    _check_names(sources, task)
    cells = list(islice(_cells(sources, task, seed), pairs + practice))
    if len(cells) < pairs + practice:
        raise ParamsError(
            f"the systems have {len(cells)} common pairs of pictures, but {pairs + practice} are asked for "
            f"(practice included); give fewer --pairs, more label maps, or pictures of the same names"
        )
    groups = list(combinations(sources, 2)) if task == "preference" else [(source,) for source in sources]
    drawn = track(cells[:pairs], "making pictures", total=pairs, unit="pairs")
    scored = [_scored(task, group, cell) for cell in drawn for group in groups]
    first = [_scored(task, groups[n % len(groups)], cell, practice=True) for n, cell in enumerate(cells[pairs:])]
    catches = max(2, round(share / (1 - share) * len(scored))) if share else 0
    trials = [*first, *scored, *islice(_catches(sources, task, seed), catches)]
    for trial in trials:
        _check_one_size(trial)
    return trials


def _check_names(sources: Sequence[PictureSource], task: TaskName) -> None:
    names = [source.name for source in sources]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ParamsError(f"two systems have the name {repeated!r}; give NAME=PLACE")
    if len(names) < (2 if task == "preference" else 1):
        raise ParamsError(f"{len(names)} system is too few to prefer one; give two or more")


def _cells(sources: Sequence[PictureSource], task: TaskName, seed: int) -> Iterator[Cell]:
    """Yield what all sources have, each label map and each of its classes once before any of them again."""
    numbers = np.random.default_rng((seed, 0))
    label_maps = sorted(set.intersection(*(set(source.label_maps) for source in sources)))
    available: dict[str, dict[str, int]] = {}
    for label_map in numbers.permutation(np.array(label_maps, dtype=object)):
        common = _common(sources, task, label_map)
        available[label_map] = {region: common[region] for region in numbers.permutation(sorted(common)).tolist()}
    rounds = max((count for regions in available.values() for count in regions.values()), default=0)
    for number in range(rounds):
        for place in range(max(map(len, available.values()), default=0)):
            for label_map, regions in available.items():
                region, pairs = next(islice(regions.items(), place, None), ("", 0))
                if number < pairs:
                    yield label_map, region, number


def _common(sources: Sequence[PictureSource], task: TaskName, label_map: str) -> dict[str, int]:
    """Return the classes that all sources have, with the smallest number of pairs."""
    if task == "preference":
        return {"": min(source.pictures(label_map) for source in sources)}
    regions = [source.regions(label_map) for source in sources]
    shared = set.intersection(*(set(each) for each in regions))
    return {region: min(each[region] for each in regions) for region in shared}


def _scored(task: TaskName, group: Sequence[PictureSource], cell: Cell, *, practice: bool = False) -> StudyTrial:
    label_map, region, number = cell
    if task == "preference":
        images = [source.picture(label_map, number) for source in group]
        return StudyTrial(label_map, "", tuple(source.name for source in group), _png(*images), None, practice)
    (source,) = group
    before, after = source.changed(label_map, region, number)
    if task == "odd":
        return StudyTrial(label_map, region, (source.name,) * 3, _png(before, before, after), _ODD, practice)
    return StudyTrial(label_map, region, (source.name,) * 2, _png(before, after), None, practice)


def _catches(sources: Sequence[PictureSource], task: TaskName, seed: int) -> Iterator[StudyTrial]:
    """Yield catch trials of the systems in turn, without an end."""
    numbers = np.random.default_rng((seed, 1))
    for turn in count():
        repeat, place = divmod(turn, len(sources))
        source = sources[place]
        label_map = str(numbers.choice(source.label_maps))
        if task == "preference":
            yield _scrambled_catch(source, label_map, repeat, numbers)
        elif task == "odd":
            yield _odd_catch(source, label_map, repeat)
        else:
            yield _she_catch(source, label_map, repeat, everything=(repeat + place) % 2 == 1)


def _scrambled_catch(source: PictureSource, label_map: str, number: int, numbers: np.random.Generator) -> StudyTrial:
    image = source.picture(label_map, number % source.pictures(label_map))
    pictures = _png(image, _scrambled(image, numbers))
    return StudyTrial(label_map, "", (source.name,) * 2, pictures, right=0, catch="scrambled")


def _odd_catch(source: PictureSource, label_map: str, number: int) -> StudyTrial:
    pairs = source.unrelated_pairs(label_map)
    if not pairs:
        raise ParamsError(
            f"{source.name} has no two pictures of {label_map} that differ in everything, as catch trials need; give "
            "them as STEM_00.png, STEM_01.png, or --catch 0"
        )
    before, after = source.unrelated(label_map, number % pairs)
    return StudyTrial(label_map, "", (source.name,) * 3, _png(before, before, after), _ODD, catch="everything")


def _she_catch(source: PictureSource, label_map: str, number: int, *, everything: bool) -> StudyTrial:
    pairs = source.unrelated_pairs(label_map)
    if everything and pairs:
        pictures = _png(*source.unrelated(label_map, number % pairs))
        return StudyTrial(label_map, "", (source.name,) * 2, pictures, NO, catch="everything")
    image = source.picture(label_map, number % source.pictures(label_map))
    return StudyTrial(label_map, "", (source.name,) * 2, _png(image, image), NO, catch="identical")


def _scrambled(image: ImageArray, numbers: np.random.Generator) -> ImageArray:
    """Return the picture with its blocks in another order."""
    height, width = (side // _BLOCKS for side in image.shape[:2])
    if not height or not width:
        return image[::-1].copy()
    cut = image[: height * _BLOCKS, : width * _BLOCKS].reshape(_BLOCKS, height, _BLOCKS, width, 3).swapaxes(1, 2)
    blocks = cut.reshape(_BLOCKS**2, height, width, 3)
    mixed = np.roll(blocks, 1, axis=0)[numbers.permutation(_BLOCKS**2)]
    scrambled = image.copy()
    whole_blocks = mixed.reshape(_BLOCKS, _BLOCKS, height, width, 3).swapaxes(1, 2)
    scrambled[: height * _BLOCKS, : width * _BLOCKS] = whole_blocks.reshape(height * _BLOCKS, width * _BLOCKS, 3)
    return scrambled


def _png(*images: ImageArray) -> tuple[bytes, ...]:
    return tuple(encode_image(image, "png") for image in images)


def _check_one_size(trial: StudyTrial) -> None:
    """Refuse pictures of several sizes beside each other: the size would tell the systems apart."""
    sizes = [(int.from_bytes(png[20:24]), int.from_bytes(png[16:20])) for png in trial.pictures]
    for name, size in zip(trial.systems, sizes, strict=True):
        if size != sizes[0]:
            raise ParamsError(
                f"pictures of {trial.label_map} are {size_text(sizes[0])} by {trial.systems[0]}, but {size_text(size)} "
                f"by {name}; give systems of one size"
            )
