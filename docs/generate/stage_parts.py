"""What the page of a stage shows of dvc.yaml and the code: what it reads, writes, and its options."""

from importlib import import_module
from pathlib import Path
from typing import Any

import option_tables
import yaml

ROOT = Path(__file__).parents[2]
OWN = {"dataset": "datasets", "system": "systems"}


def stages() -> dict[str, dict[str, Any]]:
    """Return the stages as dvc.yaml has them."""
    return yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def intro(name: str) -> str:
    """Return what the stage's module says."""
    return import_module(f"pipelines.{name}.run").__doc__ or ""


def facts(name: str) -> str:
    """Return a table of what dvc.yaml says of a stage."""
    stage = stages()[name]
    axes = stage.get("matrix", {})
    cells = " × ".join(axes) if axes else "one, for all"
    rows = {
        "Command": f"`{stage['cmd'].removeprefix('exec ').replace('${item}', _arguments(axes))}`".replace(" `", "`"),
        "Cells": f"{cells}; one cell: `dvc repro {name}{_cell(axes)}`",
        "Parameters": _listed(_shown(each) for each in stage.get("params", [])),
        "Outputs": _listed(_shown(each) for each in [*stage.get("outs", []), *stage.get("metrics", [])]),
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def dependencies(name: str) -> str:
    """Return what makes a stage stale, code and data apart."""
    deps = [_shown(each) for each in stages()[name]["deps"]]
    code = [each for each in deps if each.startswith(("smis/", "pipelines/"))]
    data = [each for each in deps if each not in code]
    return f"Data: {_listed(data)}.\n\nCode: {_listed(code)}."


def options(name: str) -> str:
    """Return tables of the stage's own sections of params.yaml."""
    module = import_module(f"pipelines.{name}.run")
    config = getattr(module, "Params")  # noqa: B009
    parts = []
    for section, field in config.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and hasattr(kind, "model_fields") and kind.model_fields and section not in OWN:
            parts.append(f"### {section}\n\n{option_tables.table(kind, heading=f'`{section}.`…')}")
    own = [f"`{OWN[each]}.NAME`" for each in config.model_fields if each in OWN]
    if own:
        pages = "[systems](../systems/index.md), [data sets](../datasets/index.md)"
        parts.append(f"And the section {' and '.join(own)}: {pages}.")
    return "\n\n".join(parts) or "The stage has no section of its own."


def graph() -> str:
    """Draw the stages and what passes between them."""
    found = stages()
    levels = _levels(found)
    places = {
        name: (20 + 118 * level, 40 + 62 * row) for level, names in enumerate(levels) for row, name in enumerate(names)
    }
    width, height = 20 + 118 * len(levels), 30 + 62 * max(map(len, levels))
    lines = [_edge(places[start], places[end]) for end in found for start in _before(found, end)]
    boxes = [_box(name, *places[name]) for name in found]
    return (
        f'<div class="figure"><svg class="network stages" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="The stages">{"".join(lines)}{"".join(boxes)}</svg></div>'
    )


def _levels(found: dict[str, Any]) -> list[list[str]]:
    levels: dict[str, int] = {}
    for name in found:
        levels[name] = max((levels[each] + 1 for each in _before(found, name)), default=0)
    return [[name for name, level in levels.items() if level == number] for number in range(max(levels.values()) + 1)]


def _before(found: dict[str, Any], name: str) -> list[str]:
    """Return the stages whose outputs a stage depends on."""
    deps = found[name]["deps"]
    outs = {
        each: [_shown(out) for out in [*stage.get("outs", []), *stage.get("metrics", [])]]
        for each, stage in found.items()
    }
    names = [each for each in found if each != name and any(_shown(dep) in outs[each] for dep in deps)]
    if name == "report":
        return [each for each in names or found if each in ("evaluate",)]
    return names


def _box(name: str, x: float, y: float) -> str:
    return (
        f'<a href="{name}.html"><rect class="block" x="{x}" y="{y - 16}" width="92" height="32" rx="5"/>'
        f'<text class="stage" x="{x + 46}" y="{y + 4}">{name}</text></a>'
    )


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x, to = start[0] + 92, end[0]
    middle = (x + to) / 2
    return f'<path class="flow" d="M{x} {start[1]}C{middle} {start[1]} {middle} {end[1]} {to} {end[1]}"/>'


def _cell(axes: Any) -> str:
    values = {"dataset": "paperdoll", "system": "inade", "seed": "0"}
    return "@" + "-".join(values[axis] for axis in axes) if axes else ""


def _arguments(axes: Any) -> str:
    return " ".join(f"--{axis} {axis.upper()}" for axis in axes)


def _shown(entry: Any) -> str:
    """Write `${item.dataset}` as DATASET."""
    text = next(iter(entry)) if isinstance(entry, dict) else str(entry)
    for axis in ("dataset", "system", "seed"):
        text = text.replace("${item." + axis + "}", axis.upper())
    return text.replace("${", "").replace("}", "")


def _listed(entries: Any) -> str:
    return ", ".join(f"`{each}`" for each in entries) or "none"
