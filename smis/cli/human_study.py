"""`smis study create | serve | report`: pairs of pictures for volunteers, and what their votes say."""

import argparse
import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from smis.cli.arguments import nonempty_path, positive, seed, whole
from smis.cli.image_output import label_files, matching_file
from smis.cli.image_sets import is_prepared, open_groups, open_regions, open_source
from smis.cli.studio import check_token
from smis.core.checkpoint_path import FILE, resolve_checkpoint
from smis.core.errors import ParamsError, optional_package
from smis.core.files import written
from smis.core.messages import escape, report
from smis.data.shards import Prepared
from smis.metrics.image.result import Bootstrap
from smis.metrics.image_files import Source
from smis.studio.study.picture_sources import CheckpointPictures, PictureSource, ReadPicture, SampledPictures
from smis.studio.study.study_file import StudyFile, freeze
from smis.studio.study.study_results import StudyResults
from smis.studio.study.tasks import CONSENT, TASKS, StudySettings
from smis.studio.study.trials import MOST_PAIRS, draw_trials
from smis.styles import load
from smis.styles.inputs import ArrayOrFile

_NAMED = re.compile(r"(?P<name>[\w.+-]{1,60})=(?P<place>.+)")
_FIRST = re.compile(r"(?P<stem>.+)_(?P<number>\d+)")
_PLACE = "[NAME=]PLACE"
DEFAULT_PORT = 8422


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    study = verbs.add_parser("study")
    commands = study.add_subparsers(required=True, metavar="command")
    _add_create(commands)
    _add_serve(commands)
    _add_report(commands)


def _add_create(commands: Any) -> None:
    text = "draw pairs of pictures and freeze them in one file"
    create = commands.add_parser("create", help=text, description=text)
    create.add_argument("study", type=nonempty_path, metavar="STUDY", help="the file to write, as study.sqlite")
    create.add_argument(
        "systems",
        nargs="+",
        metavar=_PLACE,
        help="a checkpoint, zoo:NAME, or a folder of pictures: class-3/STEM_00.png ..., everything/STEM_00.png ..., or "
        "the same as .arrow (runs/DATASET/SYSTEM/samples); for preference STEM.png is enough",
    )
    create.add_argument("--task", choices=list(TASKS), default="she", help="what is asked (default: she)")
    create.add_argument(
        "--labels",
        nargs="+",
        type=nonempty_path,
        metavar="LABELS",
        help="label maps for checkpoints: files, a folder, or prepared data (default: those beside the checkpoint)",
    )
    create.add_argument("--instance-maps", type=nonempty_path, metavar="FOLDER", help="instance maps of the label maps")
    create.add_argument("--split", default="test", help="split of a prepared data set (default: test)")
    create.add_argument("--classes", nargs="+", default=[], metavar="CLASS", help="classes that may be resampled")
    create.add_argument("--pairs", type=positive(MOST_PAIRS), default=20, help="of each system (default: 20)")
    create.add_argument("--catch", type=whole(50), default=10, metavar="PERCENT", help="of catch trials (default: 10)")
    create.add_argument("--practice", type=whole(20), default=3, help="trials that do not count (default: 3)")
    create.add_argument("--per-volunteer", type=positive(MOST_PAIRS), metavar="N", help="trials (default: all)")
    create.add_argument(
        "--minimum-ms", type=whole(60_000), default=700, help="to look before an answer is taken (default: 700)"
    )
    create.add_argument("--title", default="Looking at pictures", help="what the page is called")
    create.add_argument("--consent", type=nonempty_path, metavar="FILE", help="what volunteers agree to, as plain text")
    create.add_argument("--seed", type=seed, default=0, help="of pictures, pairs and orders (default: 0)")
    create.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    create.set_defaults(run=_create)


def _add_serve(commands: Any) -> None:
    text = "show the pictures to volunteers in a browser, and store their votes"
    serve = commands.add_parser("serve", help=text, description=text)
    serve.add_argument("study", type=nonempty_path, metavar="STUDY")
    serve.add_argument("--port", type=whole(65_535), default=DEFAULT_PORT, help="0: any free one (default: 8422)")
    serve.add_argument("--host", default="127.0.0.1", help="0.0.0.0: all machines reach it, with the printed link")
    serve.add_argument("--token", help="of the link with which volunteers come (default: none, or random with --host)")
    serve.set_defaults(run=_serve)


def _add_report(commands: Any) -> None:
    text = "print what the votes say; votes of volunteers who failed catch trials are left out, and counted"
    reporting = commands.add_parser("report", help=text, description=text)
    reporting.add_argument("study", type=nonempty_path, metavar="STUDY")
    reporting.add_argument("--json", action="store_true", help="print JSON")
    reporting.add_argument("--out", type=nonempty_path, metavar="FILE.json", help="write JSON, resamples included")
    reporting.add_argument("--votes", type=nonempty_path, metavar="FILE.csv", help="write a row for each vote")
    reporting.add_argument("--resamples", type=positive(100_000), default=1000, help="of the bootstrap (default: 1000)")
    reporting.add_argument("--seed", type=seed, default=0, help="of the bootstrap (default: 0)")
    reporting.add_argument(
        "--failures-allowed",
        type=whole(100),
        default=20,
        metavar="PERCENT",
        help="of a volunteer's catch trials (default: 20)",
    )
    reporting.set_defaults(run=_report)


def _create(options: argparse.Namespace) -> None:
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


def _serve(options: argparse.Namespace) -> None:
    check_token(options.token)
    with optional_package("smis study serve", extra="studio"):
        from smis.studio.access import Access
        from smis.studio.serve import address_of, choose_token, is_local, listen, run_app
        from smis.studio.study.study_server import create_study_app
    with StudyFile(options.study) as study, listen(options.host, options.port) as listening:
        token, port = choose_token(options.host, options.token), listening.getsockname()[1]
        if not is_local(options.host):
            report(
                f"warning: all machines that reach {options.host} can ask this server; give volunteers the link alone"
            )
        app = create_study_app(study, access=Access(token, cookie=f"smis_study_{port}"))
        link = address_of(options.host, port, token=token, page=True)
        run_app(app, listening, started=lambda: print(f"{link} (Ctrl-C ends it)", flush=True))


def _report(options: argparse.Namespace) -> None:
    with StudyFile(options.study) as study:
        bootstrap = Bootstrap(options.resamples, seed=options.seed)
        results = StudyResults(study, bootstrap=bootstrap, failures_allowed=options.failures_allowed / 100)
        if options.out is not None:
            with written(options.out) as beside:
                text = json.dumps(results.to_json(draws=True), indent=1, allow_nan=False)
                beside.write_text(text + "\n", encoding="utf-8")
        if options.votes is not None:
            _write_rows(options.votes, list(results.rows()))
        if options.json:
            print(json.dumps(results.to_json(), indent=2, allow_nan=False))
        else:
            _print(results)


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with written(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _print(results: StudyResults) -> None:
    found, console = results.to_json(), Console()
    names = {"SHE": "SHE, %", "odd_one_out": "right, %", "preference": "preferred, %", "strength": "strength"}
    systems = results.systems
    columns = [result.name for result in next(iter(systems.values())).results]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("system", no_wrap=True)
    for name in (*(names[column] for column in columns), "votes"):
        table.add_column(name, justify="right", no_wrap=True)
    for system, entry in systems.items():
        values = [f"{result.value:.2f} ({_bounds(result.interval)})" for result in entry.results]
        table.add_row(escape(system), *values, str(entry.facts["votes"]))
    console.print(table)
    votes, people, kappa = found["votes"], found["volunteers"], found["fleiss_kappa"]
    agreement = "not known" if kappa is None else f"{kappa:.3f}"
    print(f"counted: {votes['counted']} votes of {people['counted']} of {people['begun']} volunteers")
    print(f"left out: {votes['left_out']} votes of {people['left_out']} volunteers who failed catch trials")
    print(f"catch trials: {votes['catch_failed']} of {votes['catch']} answers wrong")
    print(f"Fleiss' kappa: {agreement}; median time of an answer: {found['median_seconds']:.1f} s")


def _bounds(interval: tuple[float, float]) -> str:
    low, high = interval
    return "interval not known" if low != low else f"{low:.2f} to {high:.2f}"
