"""The parts of pages that code makes, by the name that `<!-- build: NAME WORDS -->` calls them by."""

from collections.abc import Callable

import command_parts
import dataset_parts
import house_figure
import source_parts
import stage_parts
import system_parts

PARTS: dict[str, Callable[..., str]] = {
    "commands": command_parts.commands,
    "dataset_classes": dataset_parts.classes,
    "dataset_facts": dataset_parts.facts,
    "dataset_layouts": dataset_parts.layouts,
    "dataset_options": dataset_parts.options,
    "dataset_table": dataset_parts.table,
    "house": house_figure.figure,
    "source": source_parts.source,
    "stage_dependencies": stage_parts.dependencies,
    "stage_facts": stage_parts.facts,
    "stage_graph": stage_parts.graph,
    "stage_intro": stage_parts.intro,
    "stage_options": stage_parts.options,
    "system_checks": system_parts.checks,
    "system_facts": system_parts.facts,
    "system_figure": system_parts.figure,
    "system_options": system_parts.options,
    "system_presets": system_parts.presets,
    "system_table": system_parts.table,
    "system_zoo": system_parts.zoo,
    "verbs": command_parts.verbs,
}
