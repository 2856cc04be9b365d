"""The files of the report."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pipelines.report import markdown, page
from pipelines.report.sections import Section
from smis.core.contact_sheet import paint


def write(sections: Sequence[Section], folder: Path) -> None:
    """Write every file of the report into an empty folder."""
    (folder / "pictures").mkdir()
    (folder / "report.html").write_text(page.write(sections))
    (folder / "report.md").write_text(markdown.write(sections))
    tables = [asdict(table) for section in sections for table in section.tables]
    (folder / "table.json").write_text(json.dumps(tables, indent=2) + "\n")
    sections[0].comparison.save(folder / "comparison.png", optimize=True)
    for section in sections:
        section.comparison.save(folder / "pictures" / f"{section.dataset}.png")
        for system, groups in section.sheets.items():
            paint(groups).save(folder / "pictures" / f"{section.dataset}-{system}.png")
