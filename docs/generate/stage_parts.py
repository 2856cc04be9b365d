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
    edges = _edges(stages())
    rows = _rows(edges)
    levels = {name: _level(edges, name) for name in edges}
    places = {name: (20 + 118 * levels[name], 28 + 56 * rows[name]) for name in edges}
    width, height = 20 + 118 * (max(levels.values()) + 1), round(56 + 56 * max(rows.values()))
    lines = [_edge(places[start], places[end]) for end, starts in edges.items() for start in starts]
    boxes = [_box(name, *places[name]) for name in edges]
    return (
        f'<div class="figure"><svg class="network stages" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="group" aria-label="The stages">{"".join(lines)}{"".join(boxes)}</svg></div>'
    )


def _edges(found: dict[str, Any]) -> dict[str, set[str]]:
    """Return the stages that each stage follows, without those that one of them follows itself."""
    before = {name: _before(found, name) for name in found}
    return {
        name: {each for each in starts if not any(each in _ancestors(before, other) for other in starts)}
        for name, starts in before.items()
    }


def _before(found: dict[str, Any], name: str) -> set[str]:
    """Return the stages whose outputs lie in what a stage depends on."""
    deps = [_shown(dep) for dep in found[name]["deps"]]
    outs = {
        each: [_shown(out) for out in [*stage.get("outs", []), *stage.get("metrics", [])]]
        for each, stage in found.items()
    }
    return {
        each
        for each in found
        if each != name and any(out == dep or out.startswith(f"{dep}/") for out in outs[each] for dep in deps)
    }


def _ancestors(before: dict[str, set[str]], name: str) -> set[str]:
    return before[name] | {other for each in before[name] for other in _ancestors(before, each)}


def _level(edges: dict[str, set[str]], name: str) -> int:
    return max((_level(edges, each) + 1 for each in edges[name]), default=0)


def _rows(edges: dict[str, set[str]]) -> dict[str, float]:
    """Put stages that follow the same one below each other, and any other at the mean of those that it follows."""
    rows: dict[str, float] = {}
    for level in range(max(_level(edges, name) for name in edges) + 1):
        names = [name for name in edges if _level(edges, name) == level]
        for number, name in enumerate(names):
            known = [rows[each] for each in edges[name] if each in rows]
            rows[name] = number if len(names) > 1 or not known else sum(known) / len(known)
    for name in edges:
        after = [rows[each] for each in edges if name in edges[each]]
        rows[name] = sum(after) / len(after) if not edges[name] and after else rows[name]
    return rows


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
