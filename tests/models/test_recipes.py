"""How systems were trained where they were published, as data."""

from typing import Any

import pytest

from smis.core.recipe import Recipe
from smis.models.system_registry import SYSTEMS
from smis.training.loop import TrainingConfig

OURS = {"paperdoll", "clothing", "clothing_large"}
"""Presets of data sets that nobody published a training on."""
PRESETS = [(name, preset) for name in sorted(SYSTEMS) for preset in SYSTEMS.load(name).presets]


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_every_published_preset_has_a_recipe_and_every_recipe_a_preset(name):
    config: Any = SYSTEMS.load(name)
    assert set(config.recipes) == set(config.presets) - OURS


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_a_recipe_is_a_section_that_trains(name, preset):
    recipe = SYSTEMS.load(name).recipes.get(preset)
    if recipe is None:
        assert preset in OURS
        return
    section = TrainingConfig.check(recipe.training(1000), source="recipe")
    assert section.steps == recipe.steps(1000)
    assert recipe.crop[0] <= recipe.load[0]
    assert recipe.crop[1] <= recipe.load[1]


def test_epochs_become_steps_and_the_last_smaller_batch_is_dropped():
    recipe = Recipe(source="here", batch=8, epochs=60, decay_epochs=40)
    assert recipe.steps(30_001) == 3750 * 100
    assert recipe.training(30_001)["decay_from"] == 3750 * 60
    assert "decay_from" not in Recipe(source="here", batch=8, epochs=60).training(30_001)
