"""What the page of a system shows of the code: facts, figure, presets, models of the zoo."""

import ast
from functools import cache
from pathlib import Path

import network_figure
import network_trace
import option_tables

from smis.cli.systems import describe
from smis.core.checkpoint_path import zoo_folder
from smis.models.system_registry import SYSTEMS
from smis.zoo.collection import read_models

ROOT = Path(__file__).parents[2]
SMALL = ("paperdoll", "clothing")
"""Data sets whose presets are this project's, for a machine without a GPU."""
VARIES = {
    "nothing": "nothing: one label map has one image",
    "global": "the whole image",
    "class": "each class",
    "instance": "each instance",
}


def facts(name: str) -> str:
    """Return a table of what the system says of itself."""
    config = SYSTEMS.load(name)
    tests = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if f"test_{name}" in path.name)
    rows = {
        "Paper": config.paper,
        "What varies": VARIES[config.varies],
        "Name": f"`{name}` in `params.yaml`, `dvc.yaml`, `smis systems`",
        "Code": f"`smis/models/{name}.py`, [options](#options)",
        "Tests": ", ".join(f"`{path.relative_to(ROOT)}`" for path in tests) or "`tests/models/test_every_system.py`",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def figure(name: str) -> str:
    """Draw the networks of the first preset."""
    preset = published(name)[0]
    traced = _trace(name, preset)
    config = SYSTEMS.load(name)
    drawn = network_figure.figure(traced, title=f"Networks of {config.title}")
    caption = (
        f"The preset `{preset}`: {traced.classes} classes, images of {traced.height} × {traced.width}. A box is as "
        "high as its features and as wide as they have channels, both as logarithms; below it are channels and size. A "
        "dashed arc is a connection past other blocks. Drawn from the modules as they are built."
    )
    return f"{drawn}\n\n<p class='caption'>{caption.replace('`' + preset + '`', f'<code>{preset}</code>')}</p>"


def presets(name: str) -> str:
    """Return a table of the presets with their size, and one of their published trainings."""
    rows = [
        "| preset | generator | encoder | discriminator | multiply-adds of an image |",
        "|---|---:|---:|---:|---:|",
    ]
    for preset in SYSTEMS.load(name).presets:
        counts = _counts(name, preset)
        cost = f"{_cost(name, preset) / 1e9:.2f} G" if preset in published(name) else "–"
        sizes = (f"{counts[part]:,}" if counts[part] else "–" for part in ("generator", "encoder", "discriminator"))
        rows.append(f"| `{preset}` | {' | '.join(sizes)} | {cost} |")
    return "\n".join(
        [
            *rows,
            "",
            "Multiply-adds are those of the generator's convolutions and matrix products, with every position "
            "computed. On label maps with few different neighborhoods fewer are done; "
            "[`flops`](../metrics/cost.md) counts what is done, and a multiply-add as two.",
            "",
            *_recipes(name),
        ]
    )


def published(name: str) -> list[str]:
    """Return the presets for the data sets of papers, the first of which is drawn."""
    return [preset for preset in SYSTEMS.load(name).presets if preset.split("_")[0] not in SMALL]


def zoo(name: str) -> str:
    """Return the models of the zoo of this system, with samples that the build draws."""
    models = [model for model in read_models() if model.system == name]
    if not models:
        return (
            "The package has no trained model of this system. `make ablation` trains all systems on the built-in data; "
            "[`smis zoo add`](../../zoo.md#adding-one) packs what you have trained."
        )
    parts = []
    for model in models:
        height, width = model.size
        parts.append(
            f"`zoo:{model.name}`: {model.dataset}, {height} × {width}, {model.step:,} steps, {model.mib:.1f} MiB. "
            "Four label maps, and five samples of each, drawn when this page was built:\n\n"
            f"![Samples of {model.name}](samples/{model.name}.png)"
        )
    return "\n\n".join(parts)


def zoo_samples() -> dict[str, bytes]:
    """Draw the samples of every model of the zoo, by the page's path."""
    from io import BytesIO

    import smis
    from smis.core.contact_sheet import Group, color_labels, paint, tile
    from smis.zoo.collection import LABELS

    found = {}
    for model in read_models():
        synth = smis.load(f"zoo:{model.name}", device="cpu")
        maps, samples = [], []
        for path in sorted((zoo_folder(model.name) / LABELS).glob("*.png")):
            layout = synth.layout(path)
            maps.append([tile(color_labels(layout.labels[0].numpy(), synth.palette), smooth=False)])
            styles = [synth.sample(layout, seed=seed) for seed in range(5)]
            samples.append([tile(smis.to_uint8(synth(layout, style))[0]) for style in styles])
        sheet = paint([Group("label map", maps), Group("samples", samples)])
        file = BytesIO()
        sheet.save(file, "PNG")
        found[f"reference/systems/samples/{model.name}.png"] = file.getvalue()
    return found


def options(name: str) -> str:
    """Return a table of the options."""
    return option_tables.table(SYSTEMS.load(name), heading=f"`systems.{name}.`…")


def table() -> str:
    """Return the list of all systems."""
    rows = ["| system | what varies | generator + encoder | paper |", "|---|---|---:|---|"]
    for name in SYSTEMS:
        config, preset = SYSTEMS.load(name), published(name)[0]
        counts = _counts(name, preset)
        size = f"{(counts['generator'] + counts['encoder']) / 1e6:.1f} M (`{preset}`)"
        rows.append(
            f"| [{config.title}]({name}.md) | {VARIES[config.varies].split(':')[0]} | {size} | {config.paper} |"
        )
    return "\n".join(rows)


def checks(name: str) -> str:
    """Return the tests that compare a system with its release: their names, which are sentences."""
    paths = [
        *sorted((ROOT / "tests/references").glob(f"test_{name}*_release.py")),
        *sorted((ROOT / "tests/models").glob(f"test_{name}.py")),
    ]
    return "\n".join(
        f"* `{path.relative_to(ROOT)}`\n" + "\n".join(f"    * {sentence}" for sentence in _sentences(path))
        for path in paths
    )


def _sentences(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.name.removeprefix("test_").replace("_", " ")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def _recipes(name: str) -> list[str]:
    recipes = SYSTEMS.load(name).recipes
    if not recipes:
        return ["No training of this system was released with numbers; `params.yaml` has those of the built-in data."]
    rows = [
        "| preset | batch | epochs | learning rates | betas | images | source |",
        "|---|---:|---|---|---|---|---|",
    ]
    for preset, recipe in recipes.items():
        epochs = f"{recipe.epochs} + {recipe.decay_epochs} of decay" if recipe.decay_epochs else str(recipe.epochs)
        load = f" from {recipe.load[0]} × {recipe.load[1]}" if recipe.load != recipe.crop else ""
        average = f", EMA {recipe.ema}" if recipe.ema else ""
        note = f"; {recipe.note}" if recipe.note else ""
        rows.append(
            f"| `{preset}` | {recipe.batch} | {epochs} | {recipe.lr_generator:g}, {recipe.lr_discriminator:g} | "
            f"{recipe.betas[0]:g}, {recipe.betas[1]:g}{average} | {recipe.crop[0]} × {recipe.crop[1]}{load} | "
            f"{recipe.source}{note} |"
        )
    first = next(iter(recipes))
    return [*rows, "", f"`smis recipe {name} --preset {first} --images N` prints one as a section of `params.yaml`."]


@cache
def _trace(name: str, preset: str) -> network_trace.Traced:
    return network_trace.trace(name, preset)


@cache
def _cost(name: str, preset: str) -> int:
    """Return the multiply-adds of the generator; presets with the same networks are traced once."""
    config = SYSTEMS.load(name)
    same = next(each for each in published(name) if _key(config, each) == _key(config, preset))
    if same != preset:
        return _cost(name, same)
    roles = ("encoder", "generator", "discriminator") if preset == published(name)[0] else ("generator",)
    traced = _trace(name, preset) if len(roles) == 3 else network_trace.trace(name, preset, roles=roles)
    return traced.networks["generator"].multiply_adds


def _key(config: type, preset: str) -> tuple[str, str]:
    return preset.split("_")[0], repr(config.presets[preset])


@cache
def _counts(name: str, preset: str) -> dict[str, int]:
    return describe(name, preset)["parameters"]
