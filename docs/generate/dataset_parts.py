"""What the page of a data set shows of the code: facts, layouts, options, classes in their colors."""

from importlib import import_module

import option_tables

from smis.datasets.dataset_registry import DATASETS
from smis.datasets.io import human_parsing
from smis.datasets.io.file_reader import ClassTable
from smis.published.published_datasets import PUBLISHED


def facts(name: str) -> str:
    """Return a table of what the data set says of itself."""
    config = DATASETS.load(name)
    names = _classes(name)
    counts = getattr(config, "published", {})
    rows = {
        "Source": config.source,
        "License": config.license,
        "Cite": config.citation or "–",
        "Classes": f"{len(names.names)}" if names else "named by you",
        "Published images": ", ".join(f"{count:,} {split}" for split, count in counts.items()) or "–",
        "Presets": ", ".join(f"`{preset}`" for preset in getattr(config, "presets", {})) or "–",
        "Code": f"`smis/datasets/{name}/`",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def layouts(name: str) -> str:
    """Return the layouts of files that are read."""
    found = [layout.title for layout in getattr(DATASETS.load(name), "layouts", ())]
    return "\n".join(f"* {title}" for title in found)


def options(name: str) -> str:
    """Return a table of the options."""
    return option_tables.table(DATASETS.load(name), heading=f"`datasets.{name}.`…")


def classes(name: str) -> str:
    """Return the classes in their colors; those that no metric counts are struck out."""
    table = _classes(name)
    if table is None:
        return ""
    boxes = [
        f'<li{" class=ignored" if number in table.ignored else ""}><i style="background:rgb({red},{green},{blue})"></i>'
        f"<b>{number}</b> {name}</li>"
        for number, (name, (red, green, blue)) in enumerate(zip(table.names, table.palette, strict=True))
    ]
    ignored = "\n\nStruck out: no metric counts them." if table.ignored else ""
    return f'<ul class="classes">{"".join(boxes)}</ul>{ignored}'


def table() -> str:
    """Return the list of all data sets."""
    rows = ["| data set | classes | license |", "|---|---:|---|"]
    for name in DATASETS:
        names = _classes(name)
        count = len(names.names) if names else "yours"
        rows.append(f"| [`{name}`]({name}.md) | {count} | {DATASETS.load(name).license} |")
    return "\n".join(rows)


def _classes(name: str) -> ClassTable | None:
    table = getattr(DATASETS.load(name), "class_table", None)
    if isinstance(table, ClassTable):
        return table
    if name == "paperdoll":
        return ClassTable(human_parsing.NAMES, human_parsing.PALETTE)
    module = import_module(f"smis.datasets.{name}")
    if hasattr(module, "NAMES") and name in PUBLISHED:
        return ClassTable(module.NAMES, module.PALETTE)
    return None
