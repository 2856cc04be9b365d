"""`smis recipe`: how a system was trained where it was published, as sections of params.yaml."""

import argparse
import json
from typing import Any

from smis.core.errors import ParamsError
from smis.core.recipe import Recipe
from smis.datasets.registry import DATASETS
from smis.models.registry import SYSTEMS


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("recipe", help="how a system was trained where it was published")
    parser.add_argument("system", choices=sorted(SYSTEMS))
    parser.add_argument("--preset", metavar="PRESET", default="deepfashion", help="default: deepfashion")
    parser.add_argument("--images", type=int, metavar="N", help="of the training split: steps instead of epochs")
    parser.add_argument("--json", action="store_true", help="print the recipe alone, as JSON")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Print the recipe; with a number of images, the section `train` that follows from it.

    Raises:
        ParamsError: if the system was not published with this preset.
    """
    recipes = SYSTEMS.load(chosen.system).recipes
    if chosen.preset not in recipes:
        raise ParamsError(
            f"{chosen.system} has no published training for the preset {chosen.preset!r}; there are: "
            + ", ".join(sorted(recipes))
        )
    recipe = recipes[chosen.preset]
    if chosen.json:
        print(recipe.model_dump_json(indent=2))
        return
    print(f"# {recipe.source}")
    if recipe.note:
        print(f"# {recipe.note}")
    print(f"datasets:\n  {_dataset(chosen.preset)}: {{{_sizes(recipe)}}}")
    print(f"systems:\n  {chosen.system}: {{preset: {chosen.preset}}}")
    if chosen.images is None:
        print(f"# {recipe.epochs} + {recipe.decay_epochs} epochs of batch {recipe.batch}; --images N gives the steps")
        return
    print("train:")
    for key, value in recipe.training(chosen.images).items():
        print(f"  {key}: {json.dumps(value)}")


def _dataset(preset: str) -> str:
    """Name the data set that a preset is for; the labels of facades have no reader of their own."""
    first, _, _ = preset.partition("_")
    return next((name for name in sorted(DATASETS) if name.partition("_")[0] == first), "folder")


def _sizes(recipe: Recipe) -> str:
    """Say at what size pictures are loaded, if a part of it is seen, and which."""
    load = f", load_size: {list(recipe.load)}" if recipe.load != recipe.crop else ""
    return f"size: {list(recipe.crop)}{load}"
