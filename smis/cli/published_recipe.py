"""`smis recipe`: print the published training of a system as sections of params.yaml."""

import argparse
import json
from typing import Any

from smis.core.errors import ParamsError
from smis.core.recipe import Recipe
from smis.datasets.dataset_registry import DATASETS
from smis.models.system_registry import SYSTEMS


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("recipe", help="print the published training of a system")
    parser.add_argument("system", choices=sorted(SYSTEMS))
    parser.add_argument("--preset", metavar="PRESET", default="deepfashion", help="default: deepfashion")
    parser.add_argument("--images", type=int, metavar="N", help="size of the training split: converts epochs to steps")
    parser.add_argument("--json", action="store_true", help="print the recipe alone, as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
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
