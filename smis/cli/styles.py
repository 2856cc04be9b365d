"""`smis generate | resample | mix | morph | edit | copy`: from label maps to pictures and a contact sheet."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from smis.cli import maps
from smis.cli.arguments import positive
from smis.cli.making import Made, Shown, Source, Steps, make, shown, shown_map
from smis.core.errors import ParamsError
from smis.styles import ImageStyle, Synthesizer


def add(verbs: Any) -> None:
    """Add the verbs to the command's parser."""
    generate = _verb(verbs, "generate", "make pictures of label maps", _generate)
    generate.add_argument("--samples", type=positive, default=4, help="pictures of each label map (default: 4)")

    resample = _verb(verbs, "resample", "draw some classes or instances anew, and keep the rest", _resample)
    what = resample.add_mutually_exclusive_group(required=True)
    what.add_argument("--classes", nargs="+", metavar="CLASS", help="names or ids, also as hair,shoes")
    what.add_argument("--instances", nargs="+", metavar="ID", help="ids of the instance map, also as 3,7")
    resample.add_argument("--samples", type=positive, default=4, help="draws of each label map (default: 4)")

    mix = _verb(verbs, "mix", "give classes the appearance that they have on an exemplar", _mix)
    _add_exemplar(mix, "--from", required=True)
    mix.add_argument(
        "--weights",
        nargs="+",
        required=True,
        metavar="CLASS=W",
        help="1 is the exemplar's, 0 the own: hair=1.0,shoes=0.5",
    )

    morph = _verb(verbs, "morph", "go from one style to another in steps", _morph)
    end = morph.add_mutually_exclusive_group()
    _add_exemplar(end, "--from")
    end.add_argument("--to-seed", type=int, default=1, help="of the style at the end (default: 1)")
    morph.add_argument("--steps", type=positive, default=5, help="pictures on the way, both ends included (default: 5)")

    edit = _verb(verbs, "edit", "keep the style while the label map changes", _edit, many=False)
    edit.add_argument("edited", type=Path, metavar="EDITED", help="the changed label map, or a folder of them")
    edit.add_argument("--edited-instance-maps", type=Path, metavar="PNG", help="theirs: codes follow instances by id")

    copy = _verb(verbs, "copy", "give one instance or class the appearance of an exemplar's", _copy)
    _add_exemplar(copy, "--exemplar", required=True)
    copy.add_argument("--source", required=True, help="instance id, or class, on the exemplar")
    copy.add_argument("--target", required=True, help="instance id, or class, that gets its appearance")


def _verb(
    verbs: Any, name: str, text: str, steps_of: Callable[[Synthesizer, argparse.Namespace], Steps], *, many: bool = True
) -> argparse.ArgumentParser:
    """Add a verb with what all have in common."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument(
        "checkpoint", type=Path, metavar="CHECKPOINT", help="a .safetensors file of `train` or an import"
    )
    parser.add_argument(
        "labels", type=Path, metavar="LABELS", nargs="+" if many else 1, help="PNG label maps of class ids, or a folder"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="gets LABELS_00.png ... and sheet.png"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the style to begin with (default: 0)")
    parser.add_argument(
        "--image", type=Path, metavar="FILE", help="begin with its style instead (or a folder, by name)"
    )
    parser.add_argument("--instance-maps", type=Path, metavar="PNG", help="of one label map, or a folder, by name")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    parser.set_defaults(run=lambda chosen: make(chosen, chosen.labels, steps_of), verb=name)
    return parser


def _add_exemplar(parser: Any, option: str, *, required: bool = False) -> None:
    parser.add_argument(
        option,
        dest="exemplar",
        nargs="+",
        type=Path,
        required=required,
        metavar="FILE",
        help="a photograph and its label map, if you have one also its instance map",
    )


def _generate(synth: Synthesizer, chosen: argparse.Namespace) -> Steps:
    def steps(source: Source) -> Iterator[Made | Shown]:
        if source.image is not None:
            yield Made(["encoded"], source.style())
            for sample in range(1, chosen.samples):
                near = synth.encode(source.image, source.layout, seed=source.seed + sample)
                yield Made([f"near it, seed {source.seed + sample}"], near)
            return
        samples = 1 if synth.varies == "nothing" else chosen.samples
        yield Made([f"sample {number}" for number in range(samples)], source.style(samples=samples))

    return steps


def _resample(synth: Synthesizer, chosen: argparse.Namespace) -> Steps:
    classes = _classes(chosen.classes, synth) if chosen.classes else None
    instances = [_number(given, "--instances") for given in _split(chosen.instances)] if chosen.instances else None

    def steps(source: Source) -> Iterator[Made | Shown]:
        base = source.style()
        again = base.repeat(chosen.samples).resample(classes, instances, seed=source.seed + 1)
        yield Made([source.begun], base)
        yield Made([f"again {number}" for number in range(1, chosen.samples + 1)], again)

    return steps


def _mix(synth: Synthesizer, chosen: argparse.Namespace) -> Steps:
    weights = _weights(chosen.weights, synth)
    style, photograph = _exemplar(synth, chosen.exemplar, "--from")

    def steps(source: Source) -> Iterator[Made | Shown]:
        base = source.style()
        mixed = base.mix(style, weights)
        yield Made([source.begun], base)
        yield photograph
        yield Made(["mixed"], mixed)

    return steps


def _morph(synth: Synthesizer, chosen: argparse.Namespace) -> Steps:
    exemplar = _exemplar(synth, chosen.exemplar, "--from") if chosen.exemplar else None
    amounts = [step / max(1, chosen.steps - 1) for step in range(chosen.steps)]

    def steps(source: Source) -> Iterator[Made | Shown]:
        base = source.style()
        end = exemplar[0] if exemplar else synth.sample(source.layout, seed=chosen.to_seed)
        for amount in amounts:
            yield Made([f"{amount:.2f}"], base.morph(end, amount))
        if exemplar:
            yield exemplar[1]

    return steps


def _edit(synth: Synthesizer, chosen: argparse.Namespace) -> Steps:
    count = len(maps.label_files(chosen.labels))

    def steps(source: Source) -> Iterator[Made | Shown]:
        edited = maps.beside(chosen.edited, source.path, maps=count, option="EDITED")
        assert edited is not None
        instances = maps.beside(chosen.edited_instance_maps, source.path, maps=count, option="--edited-instance-maps")
        base = source.style()
        layout = synth.layout(edited, instances)
        yield Made([source.begun], base)
        yield shown_map("edited", layout, synth)
        yield Made(["same style"], base.on(layout))

    return steps


def _copy(synth: Synthesizer, chosen: argparse.Namespace) -> Steps:
    style, photograph = _exemplar(synth, chosen.exemplar, "--exemplar")
    source_part, target_part = (_named(given, synth) for given in (chosen.source, chosen.target))

    def steps(source: Source) -> Iterator[Made | Shown]:
        base = source.style()
        copied = base.copy(style, source=source_part, target=target_part)
        yield Made([source.begun], base)
        yield photograph
        yield Made([f"{chosen.source} to {chosen.target}"], copied)

    return steps


def _exemplar(synth: Synthesizer, files: Sequence[Path], option: str) -> tuple[ImageStyle, Shown]:
    if len(files) not in (2, 3):
        raise ParamsError(f"{option} got {len(files)} file(s); give {option} IMAGE LABELS, or IMAGE LABELS INSTANCES")
    return synth.encode(*files), shown("exemplar", files[0])


def _classes(given: Sequence[str], synth: Synthesizer) -> list[str | int]:
    """Take each word as a class, or as many between commas; names may have commas themselves."""
    return [_named(name, synth) for word in given for name in ([word] if word in synth.classes else _split([word]))]


def _named(given: str, synth: Synthesizer) -> str | int:
    return int(given) if given.isdecimal() and given not in synth.classes else given


def _split(given: Sequence[str]) -> list[str]:
    return [part.strip() for word in given for part in word.split(",") if part.strip()]


def _weights(given: Sequence[str], synth: Synthesizer) -> dict[str | int, float]:
    whole = all(word.rpartition("=")[0] in synth.classes for word in given)
    weights: dict[str | int, float] = {}
    for word in given if whole else _split(given):
        name, _, weight = word.rpartition("=")
        try:
            weights[_named(name, synth)] = float(weight)
        except ValueError:
            raise ParamsError(f"--weights got {word!r}; give CLASS=WEIGHT, for instance hair=1.0") from None
    return weights


def _number(given: str, option: str) -> int:
    if not given.isdecimal():
        raise ParamsError(f"{option} got {given!r}; give ids as numbers, for instance 3,7")
    return int(given)
