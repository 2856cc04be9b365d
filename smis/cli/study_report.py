"""`smis study report`: what the votes of a study say."""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from smis.core.files import written
from smis.core.messages import escape
from smis.metrics.image.result import Bootstrap
from smis.studio.study.study_file import StudyFile
from smis.studio.study.study_results import StudyResults


def run(options: argparse.Namespace) -> None:
    """Print the numbers, and write what was asked for."""
    with StudyFile(options.study) as study:
        bootstrap = Bootstrap(options.resamples, seed=options.seed)
        results = StudyResults(study, bootstrap=bootstrap, failures_allowed=options.failures_allowed / 100)
        if options.out is not None:
            with written(options.out) as beside:
                text = json.dumps(results.to_json(draws=True), indent=1, allow_nan=False)
                beside.write_text(text + "\n", encoding="utf-8")
        if options.votes is not None:
            _write_rows(options.votes, list(results.rows()))
        if options.json:
            print(json.dumps(results.to_json(), indent=2, allow_nan=False))
        else:
            _print(results)


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with written(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _print(results: StudyResults) -> None:
    found, console = results.to_json(), Console()
    names = {"SHE": "SHE, %", "odd_one_out": "right, %", "preference": "preferred, %", "strength": "strength"}
    systems = results.systems
    columns = [result.name for result in next(iter(systems.values())).results]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("system", no_wrap=True)
    for name in (*(names[column] for column in columns), "votes"):
        table.add_column(name, justify="right", no_wrap=True)
    for system, entry in systems.items():
        values = [f"{result.value:.2f} ({_bounds(result.interval)})" for result in entry.results]
        table.add_row(escape(system), *values, str(entry.facts["votes"]))
    console.print(table)
    votes, people, kappa = found["votes"], found["volunteers"], found["fleiss_kappa"]
    agreement = "not known" if kappa is None else f"{kappa:.3f}"
    print(f"counted: {votes['counted']} votes of {people['counted']} of {people['begun']} volunteers")
    print(f"left out: {votes['left_out']} votes of {people['left_out']} volunteers who failed catch trials")
    print(f"catch trials: {votes['catch_failed']} of {votes['catch']} answers wrong")
    print(f"Fleiss' kappa: {agreement}; median time of an answer: {found['median_seconds']:.1f} s")


def _bounds(interval: tuple[float, float]) -> str:
    low, high = interval
    return "interval not known" if low != low else f"{low:.2f} to {high:.2f}"
