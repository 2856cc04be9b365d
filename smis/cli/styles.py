"""`smis generate | resample | mix | morph | edit | copy`: from label maps to images and a contact sheet."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from smis.cli import image_output
from smis.cli.arguments import nonempty_path, samples, seed
from smis.cli.image_output import Columns, LabelMapInput, SheetImage, StyledImages, colored_map
from smis.core.errors import ParamsError, shown
from smis.core.numbers import parse_whole
from smis.styles import Synthesizer

Output = Iterator[StyledImages | SheetImage]


def add(verbs: Any) -> None:
    """Add the verbs to the command's parser."""
    generate = _verb(verbs, "generate", _generate)
    generate.add_argument("--samples", type=samples, default=4, help="images of each label map (default: 4)")

    resample = _verb(verbs, "resample", _resample)
    what = resample.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--classes", nargs="+", metavar="CLASS", help="names or ids, also separated by commas: hair,shoes"
    )
    what.add_argument(
        "--instances", nargs="+", metavar="ID", help="ids of the instance map, also separated by commas: 3,7"
    )
    resample.add_argument("--samples", type=samples, default=4, help="samples of each label map (default: 4)")

    mix = _verb(verbs, "mix", _mix)
    _add_exemplar(mix, "--from", required=True)
    mix.add_argument(
        "--weights",
        nargs="+",
        required=True,
        metavar="CLASS=W",
        help="1 takes the exemplar's appearance, 0 keeps the own: hair=1.0,shoes=0.5",
    )

    morph = _verb(verbs, "morph", _morph)
    end = morph.add_mutually_exclusive_group()
    _add_exemplar(end, "--from")
    end.add_argument("--to-seed", type=seed, default=1, help="seed of the style at the end (default: 1)")
    morph.add_argument("--steps", type=samples, default=5, help="images from start to end, both included (default: 5)")

    edit = _verb(verbs, "edit", _edit, many=False)
    edit.add_argument("edited", type=nonempty_path, metavar="EDITED", help="the changed label map, or a folder of them")
    edit.add_argument(
        "--edited-instance-maps",
        type=nonempty_path,
        metavar="PNG",
        help="instance maps of EDITED: latents follow instances by id",
    )

    copy = _verb(verbs, "copy", _copy)
    _add_exemplar(copy, "--exemplar", required=True)
    copy.add_argument("--source", required=True, help="instance id, or class, of the exemplar")
    copy.add_argument("--target", required=True, help="instance id, or class, that gets its appearance")


def _verb(
    verbs: Any,
    name: str,
    columns_of: Columns,
    *,
    many: bool = True,
) -> argparse.ArgumentParser:
    """Add a verb with the arguments that all have in common."""
    parser: argparse.ArgumentParser = verbs.add_parser(name)
    parser.add_argument(
        "checkpoint",
        type=nonempty_path,
        metavar="CHECKPOINT",
        help="a .safetensors file of `train` or of `smis import-checkpoint`, or zoo:NAME (`smis zoo list`)",
    )
    parser.add_argument(
        "labels",
        type=nonempty_path,
        metavar="LABELS",
        nargs="+" if many else 1,
        help="label maps of class ids, or a folder",
    )
    parser.add_argument(
        "--out",
        type=nonempty_path,
        required=True,
        metavar="FOLDER",
        help="where LABELS_00.png ... and sheet.png are written",
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of the initial style (default: 0)")
    parser.add_argument(
        "--image",
        type=nonempty_path,
        metavar="FILE",
        help="encode the initial style from this photograph (or a folder of photographs, matched by name)",
    )
    parser.add_argument(
        "--instance-maps",
        type=nonempty_path,
        metavar="PNG",
        help="instance map of the label map (or a folder of them, matched by name)",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    parser.set_defaults(run=lambda options: image_output.run(options, columns_of), verb=name)
    return parser


def _add_exemplar(parser: Any, option: str, *, required: bool = False) -> None:
    parser.set_defaults(exemplar_option=option)
    parser.add_argument(
        option,
        dest="exemplar",
        nargs="+",
        type=nonempty_path,
        required=required,
        metavar="FILE",
        help="a photograph, its label map and, optionally, its instance map",
    )


def _generate(label_map: LabelMapInput, options: argparse.Namespace) -> Output:
    synth, seed = label_map.synth, label_map.seed
    if label_map.image is not None:
        yield StyledImages(["encoded"], label_map.style())
        for number in range(seed + 1, seed + options.samples):
            near = synth.encode(label_map.image, label_map.layout, seed=number)
            yield StyledImages([f"near, seed {number}"], near)
        return
    samples = 1 if synth.varies == "nothing" else options.samples
    yield StyledImages([f"sample {number}" for number in range(samples)], label_map.style(samples=samples))


def _resample(label_map: LabelMapInput, options: argparse.Namespace) -> Output:
    classes = _classes(options.classes, label_map.synth) if options.classes else None
    instances = [_instance(part) for part in _split(options.instances, "--instances")] if options.instances else None
    base = label_map.style()
    resampled = base.repeat(options.samples).resample(classes, instances, seed=label_map.seed + 1)
    yield StyledImages([label_map.origin], base)
    yield StyledImages([f"resampled {number}" for number in range(1, options.samples + 1)], resampled)


def _mix(label_map: LabelMapInput, options: argparse.Namespace) -> Output:
    assert label_map.exemplar is not None
    exemplar, image = label_map.exemplar
    base = label_map.style()
    mixed = base.mix(exemplar, _weights(options.weights, label_map.synth))
    yield StyledImages([label_map.origin], base)
    yield image
    yield StyledImages(["mixed"], mixed)


def _morph(label_map: LabelMapInput, options: argparse.Namespace) -> Output:
    base, exemplar = label_map.style(), label_map.exemplar
    end = exemplar[0] if exemplar else label_map.synth.sample(label_map.layout, seed=options.to_seed)
    for amount in (step / max(1, options.steps - 1) for step in range(options.steps)):
        yield StyledImages([f"{amount:.2f}"], base.morph(end, amount))
    if exemplar:
        yield exemplar[1]


def _edit(label_map: LabelMapInput, options: argparse.Namespace) -> Output:
    assert label_map.edited is not None
    base = label_map.style()
    layout = label_map.synth.layout(*label_map.edited)
    yield StyledImages([label_map.origin], base)
    yield colored_map("edited", layout, label_map.synth)
    yield StyledImages(["same style"], base.on(layout))


def _copy(label_map: LabelMapInput, options: argparse.Namespace) -> Output:
    assert label_map.exemplar is not None
    exemplar, image = label_map.exemplar
    source, target = (_class_or_id(given, label_map.synth) for given in (options.source, options.target))
    base = label_map.style()
    copied = base.copy(exemplar, source=source, target=target)
    yield StyledImages([label_map.origin], base)
    yield image
    yield StyledImages([f"{options.source} to {options.target}"], copied)


def _classes(words: Sequence[str], synth: Synthesizer) -> list[str | int]:
    """Take each word as one class, or as several between commas; names of classes may have commas themselves."""
    names = [name for word in words for name in ([word] if word in synth.classes else _split([word], "--classes"))]
    return [_class_or_id(name, synth) for name in names]


def _class_or_id(text: str, synth: Synthesizer) -> str | int:
    number = None if text in synth.classes else parse_whole(text)
    return text if number is None else number


def _split(words: Sequence[str], option: str) -> list[str]:
    parts = [[part.strip() for part in word.split(",") if part.strip()] for word in words]
    if not all(parts):
        raise ParamsError(f"{option} got nothing between its commas or quotes; name at least one")
    return [part for word in parts for part in word]


def _weights(words: Sequence[str], synth: Synthesizer) -> dict[str | int, float]:
    whole = all(word.rpartition("=")[0] in synth.classes for word in words)
    weights: dict[str | int, float] = {}
    for word in words if whole else _split(words, "--weights"):
        name, _, weight = word.rpartition("=")
        key = _class_or_id(name, synth)
        if key in weights:
            raise ParamsError(f"--weights has {shown(name)} twice; give each class one weight")
        try:
            weights[key] = float(weight)
        except ValueError:
            raise ParamsError(f"--weights got {shown(word)}; give CLASS=WEIGHT, for instance hair=1.0") from None
    return weights


def _instance(text: str) -> int:
    number = parse_whole(text)
    if number is None:
        raise ParamsError(f"--instances got {shown(text)}; give ids as numbers, for instance 3,7")
    return number
