"""`smis study create`: pictures of checkpoints and folders become the trials of a study."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from smis.cli.image_output import label_files, matching_file
from smis.cli.image_sets import is_prepared, open_groups, open_regions, open_source
from smis.core.checkpoint_path import FILE, resolve_checkpoint
from smis.core.errors import ParamsError
from smis.core.messages import escape
from smis.data.shards import Prepared
from smis.metrics.image_files import Source
from smis.studio.study.picture_sources import CheckpointPictures, PictureSource, ReadPicture, SampledPictures
from smis.studio.study.study_file import freeze
from smis.studio.study.tasks import CONSENT, StudySettings
from smis.studio.study.trials import draw_trials
from smis.styles import load
from smis.styles.inputs import ArrayOrFile

_NAMED = re.compile(r"(?P<name>[\w.+-]{1,60})=(?P<place>.+)")
_FIRST = re.compile(r"(?P<stem>.+)_(?P<number>\d+)")


def run(options: argparse.Namespace) -> None:
    """Draw the trials and freeze them."""
    if options.study.exists():
        raise ParamsError(f"{options.study} exists, and what is in a study never changes; give another name")
    fields = {
        "task": options.task,
        "title": options.title,
        "consent": CONSENT if options.consent is None else _text(options.consent),
        "systems": [_named(text)[0] for text in options.systems],
        "seed": options.seed,
        "per_volunteer": options.per_volunteer,
        "minimum_ms": options.minimum_ms,
    }
    settings = StudySettings.check(fields, source="the study")
    sources = _sources(options)
    trials = draw_trials(
        sources,
        options.task,
        pairs=options.pairs,
        catch_share=options.catch / 100,
        practice=options.practice,
        seed=options.seed,
    )
    digest = freeze(options.study, settings, trials)
    practice, catches = sum(trial.practice for trial in trials), sum(trial.catch is not None for trial in trials)
    scored, systems = len(trials) - practice - catches, f"{len(sources)} system{'s' * (len(sources) > 1)}"
    place = f"in {escape(str(options.study))}, SHA-256 {digest[:16]}"
    print(f"{scored} trials of {systems}, {catches} catch trials and {practice} for practice {place}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ParamsError(f"--consent: {path} cannot be read ({error}); give a text file in UTF-8") from None


def _sources(options: argparse.Namespace) -> list[PictureSource]:
    """Open every system; those of checkpoints first, since they know what classes are called."""
    named = [_named(text) for text in options.systems]
    opened: dict[str, PictureSource] = {}
    classes: Sequence[str] = []
    for name, place in named:
        if _is_checkpoint(place):
            synth = load(place, device=options.device)
            maps, instances = _label_maps(place, options)
            opened[place] = CheckpointPictures(
                name, synth, maps, seed=options.seed, classes=options.classes, instance_maps=instances
            )
            classes = classes or synth.classes
    for name, place in named:
        if place not in opened:
            opened[place] = _sampled(name, Path(place), options, classes)
    return [opened[place] for _, place in named]


def _named(text: str) -> tuple[str, str]:
    """Return a system's name, as given or after its place, and its place."""
    match = _NAMED.fullmatch(text)
    if match:
        return match["name"], match["place"]
    if text.startswith("zoo:"):
        return text.removeprefix("zoo:"), text
    path = Path(text)
    if path.stem in ("checkpoint", "samples"):
        path = path.absolute().parent
    return path.stem if path.suffix == ".safetensors" else path.name, text


def _is_checkpoint(place: str) -> bool:
    return place.startswith("zoo:") or place.endswith(".safetensors") or Path(place, FILE).is_file()


Maps = Mapping[str, ArrayOrFile]


def _label_maps(place: str, options: argparse.Namespace) -> tuple[Maps, Maps]:
    """Return label maps and instance maps by name."""
    beside = resolve_checkpoint(place).parent / "labels"
    paths: Sequence[Path] = options.labels or ([beside] if beside.is_dir() else [])
    if not paths:
        raise ParamsError(f"there are no label maps beside {place}; give --labels")
    if len(paths) == 1 and is_prepared(paths[0]):
        pairs = Prepared(paths[0]).split(options.split)
        samples = {str(key): pairs[number] for number, key in enumerate(pairs.keys)}
        return {key: one.labels for key, one in samples.items()}, {key: one.instances for key, one in samples.items()}
    files = label_files(paths)
    instances: dict[str, ArrayOrFile] = {}
    for file in files:
        found = matching_file(options.instance_maps, file, maps=len(files), option="--instance-maps")
        instances |= {} if found is None else {file.stem: found}
    return {file.stem: file for file in files}, instances


def _sampled(name: str, place: Path, options: argparse.Namespace, classes: Sequence[str]) -> SampledPictures:
    """Open pictures that a model made before."""
    if options.task == "preference":
        return SampledPictures(name, _singles(place), {})
    regions: dict[str, dict[str, list[ReadPicture]]] = {}
    for region in open_regions(place):
        known = region.kind == "class" and region.number < len(classes)
        title = classes[region.number] if known else f"{region.kind} {region.number}"
        if not options.classes or title in options.classes:
            regions[title] = _readers(region.source, region.groups)
    if not regions:
        raise ParamsError(f"{place} has no pictures of {', '.join(options.classes)}; leave --classes out")
    paths = [path for path in (place / "everything.arrow", place / "everything") if path.exists()]
    return SampledPictures(name, _readers(*open_groups(paths[0])) if paths else {}, regions)


def _singles(place: Path) -> dict[str, list[ReadPicture]]:
    """Return pictures by label map: STEM.png, or STEM_00.png, STEM_01.png ... if each has its 00."""
    everything = place / "everything.arrow"
    source = open_source(everything if everything.is_file() else place)
    matches = [_FIRST.fullmatch(name) for name in source.names]
    first = {match["stem"] for match in matches if match and int(match["number"]) == 0}
    numbered = all(match and match["stem"] in first for match in matches)
    groups: dict[str, list[int]] = {}
    for number, (name, match) in enumerate(zip(source.names, matches, strict=True)):
        groups.setdefault(match["stem"] if numbered and match else name, []).append(number)
    return _readers(source, groups)


def _readers(source: Source, groups: Mapping[str, Sequence[int]]) -> dict[str, list[ReadPicture]]:
    return {key: [_reader(source.read, number) for number in numbers] for key, numbers in groups.items()}


def _reader(read: Callable[[int], Any], number: int) -> ReadPicture:
    return lambda: read(number)
