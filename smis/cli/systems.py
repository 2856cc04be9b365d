"""`smis systems | recipe`: list the systems with what each varies and its size; print the published training of one."""

import argparse
import json
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from smis.cli.arguments import positive
from smis.core.errors import ParamsError
from smis.core.recipe import Recipe
from smis.datasets.dataset_registry import DATASETS
from smis.models.system_registry import SYSTEMS
from smis.nn.initialize import SkipInit
from smis.published.published_datasets import dataset_of


def add(verbs: Any) -> None:
    """Add the verbs to the command's parser."""
    systems = verbs.add_parser("systems")
    systems.add_argument(
        "--preset", metavar="PRESET", default="deepfashion", help="sizes of a data set (default: deepfashion)"
    )
    systems.add_argument("--json", action="store_true", help="print JSON")
    systems.set_defaults(run=print_systems)

    recipe = verbs.add_parser("recipe")
    recipe.add_argument("system", choices=sorted(SYSTEMS))
    recipe.add_argument("--preset", metavar="PRESET", default="deepfashion", help="default: deepfashion")
    recipe.add_argument(
        "--images", type=positive(10**9), metavar="N", help="size of the training split: converts epochs to steps"
    )
    recipe.add_argument("--json", action="store_true", help="print the recipe alone, as JSON")
    recipe.set_defaults(run=print_recipe)


def print_systems(options: argparse.Namespace) -> None:
    """Print a row for each system that has the preset.

    Raises:
        ParamsError: if none has.
    """
    names = [name for name in sorted(SYSTEMS) if options.preset in SYSTEMS.load(name).presets]
    if not names:
        presets = sorted({preset for name in SYSTEMS for preset in SYSTEMS.load(name).presets})
        raise ParamsError(f"no system has a preset {options.preset!r}; there are: {', '.join(presets)}")
    rows = [describe(name, options.preset) for name in names]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    networks = ("generator", "encoder", "discriminator")
    papers = list(dict.fromkeys(row["paper"] for row in rows))
    table = Table("name", "varies", box=box.SIMPLE, title=f"parameters, preset {options.preset}", title_justify="left")
    for network in networks:
        table.add_column(network, justify="right")
    table.add_column("paper")
    for row in rows:
        counts = (f"{row['parameters'][network]:,}" for network in networks)
        table.add_row(row["name"], row["varies"], *counts, f"({1 + papers.index(row['paper'])})")
    console = Console()
    console.print(table)
    for number, paper in enumerate(papers, 1):
        console.print(f"({number}) {paper}", highlight=False)


def describe(name: str, preset: str) -> dict[str, Any]:
    """Describe a system; parameters are counted without memory for their values."""
    config = SYSTEMS.load(name)
    data = dataset_of(preset)
    with SkipInit():
        system = config(preset=preset).build(
            classes=len(data.classes), height=data.height, width=data.width, training=False
        )
    networks = {"generator": system.generator, "encoder": system.encoder, "discriminator": system.discriminator}
    counts = {
        part: sum(p.numel() for p in network.parameters()) if network else 0 for part, network in networks.items()
    }
    return {"name": name, "paper": config.paper, "varies": system.varies, "parameters": counts}


def print_recipe(options: argparse.Namespace) -> None:
    """Print the recipe; with a number of images, the section `train` that follows from it.

    Raises:
        ParamsError: if the system was not published with this preset.
    """
    recipes = SYSTEMS.load(options.system).recipes
    if options.preset not in recipes:
        raise ParamsError(
            f"{options.system} has no published training for the preset {options.preset!r}; there are: "
            + ", ".join(sorted(recipes))
        )
    recipe = recipes[options.preset]
    if options.json:
        print(recipe.model_dump_json(indent=2))
        return
    print(f"# {recipe.source}")
    if recipe.note:
        print(f"# {recipe.note}")
    print(f"datasets:\n  {_dataset(options.preset)}: {{{_sizes(recipe)}}}")
    print(f"systems:\n  {options.system}: {{preset: {options.preset}}}")
    if options.images is None:
        print(f"# {recipe.epochs} + {recipe.decay_epochs} epochs of batch {recipe.batch}; --images N gives the steps")
        return
    print("train:")
    for key, value in recipe.training(options.images).items():
        print(f"  {key}: {json.dumps(value)}")


def _dataset(preset: str) -> str:
    """Return the data set of a preset; facades has no reader of its own."""
    first, _, _ = preset.partition("_")
    return next((name for name in sorted(DATASETS) if name.partition("_")[0] == first), "folder")


def _sizes(recipe: Recipe) -> str:
    """Format the size of images, and the size they are resized to before random crops."""
    load = f", load_size: {list(recipe.load)}" if recipe.load != recipe.crop else ""
    return f"size: {list(recipe.crop)}{load}"
