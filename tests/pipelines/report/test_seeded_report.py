"""The report of two systems with three seeds each."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.report import run as report
from pipelines.report import terminal
from pipelines.report.result_tables import difference_table, mean_class_values, result_table
from pipelines.report.seed_points import seed_table
from pipelines.report.seed_results import SeededResults
from smis.metrics.image.result import Bootstrap, Result

from .conftest import SYSTEMS, results

SEEDS = (0, 1, 2)
MAPS = 40
PROTOCOL = {"label_maps": MAPS, "keys": "0123abcd"}
HARDNESS = np.random.default_rng(0).normal(size=MAPS)
BOOTSTRAP = Bootstrap(400)


def measured(value: float, *, of_seed: float, of_map: float, own: int, seeds: tuple[int, ...] = SEEDS) -> Any:
    """Results by seed, of label maps that are hard for everybody and noise of the system's own."""
    numbers = np.random.default_rng(own)
    found: dict[int, Result] = {}
    for seed, shift in zip(seeds, np.linspace(-of_seed, of_seed, len(seeds)), strict=True):
        maps = value + shift + of_map * HARDNESS + 0.1 * of_map * numbers.normal(size=MAPS)
        draws = BOOTSTRAP.means(maps)
        found[seed] = Result.drawn("mCSD", float(maps.mean()), draws=draws, protocol=PROTOCOL)
    return found


def seeded(**systems: Mapping[int, Result]) -> SeededResults:
    return SeededResults({name: {s: {"mCSD": each} for s, each in found.items()} for name, found in systems.items()})


@pytest.fixture
def repeated(workspace: Path) -> Path:
    """The workspace with three seeds; mOCD varies with seeds, mCSD with label maps."""
    text = Path("params.yaml").read_text().replace("seed: [0]", "seed: [0, 1, 2]")
    Path("params.yaml").write_text(text)
    for system, scale in zip(SYSTEMS, (1.0, 5.0), strict=True):
        for seed in SEEDS:
            folder = Path("runs/dolls", system, f"seed-{seed}")
            if seed:
                shutil.copytree(folder.with_name("seed-0"), folder)
            columns = {
                "mOCD": BOOTSTRAP.means((0.01 + 0.002 * seed) * scale + 0.0002 * HARDNESS),
                "mCSD": BOOTSTRAP.means(0.02 + 0.00001 * seed + 0.01 * HARDNESS),
            }
            pq.write_table(pa.table(columns), folder / "tables" / "resamples.parquet")
            found = results(scale)
            found["mOCD"]["value"] = (0.01 + 0.002 * seed) * scale
            found["mCSD"]["value"] = 0.02 + 0.00001 * seed
            path = Path("metrics/dolls", system, f"seed-{seed}.json")
            path.write_text(json.dumps(found))
    return workspace


def test_a_value_is_the_mean_with_the_deviation_over_seeds_and_the_interval_over_label_maps(repeated: Path) -> None:
    report.main()
    quality, cost = json.loads(Path("report/table.json").read_text())
    names = [column["name"] for column in quality["columns"]]
    entry = quality["rows"][0]["entries"][names.index("mOCD")]
    assert entry["value"] == pytest.approx(0.012)
    assert (entry["text"], entry["deviation"]) == ("0.0120", "0.0020")
    assert entry["seeds"] == pytest.approx({"0": 0.01, "1": 0.012, "2": 0.014})
    low, high = map(float, entry["interval"])
    assert 0.0115 < low <= 0.0120 <= high < 0.0125
    parameters = [column["name"] for column in cost["columns"]].index("parameters_ge")
    assert cost["rows"][0]["entries"][parameters]["deviation"] is None


def test_every_page_says_what_the_deviation_is_and_what_results_vary_with(
    repeated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.main()
    text, html = (Path("report", f"report.{kind}").read_text() for kind in ("md", "html"))
    assert "0.0120 ± 0.0020" in text
    assert "Mean ± standard deviation over seeds 0, 1, 2." in text
    assert "Most with seeds: mOCD. Most with label maps: mCSD." in text
    assert re.search(r"\| share of seeds \| mCSD \| mOCD \|", text)
    assert re.search(r"Most with <b>seeds</b> varies mOCD\.\s+Most with <b>label maps</b> varies mCSD\.", html)
    assert "<dt>seeds</dt><dd>0, 1, 2</dd>" in html
    terminal.main()
    printed = capsys.readouterr().out
    assert "± 0.0020" in printed
    assert "its standard deviation over seeds" in printed


def test_each_seed_is_a_point_and_a_curve(repeated: Path) -> None:
    report.main()
    html = Path("report/report.html").read_text()
    for system, values in zip(SYSTEMS, (("0.0100", "0.0120", "0.0140"), ("0.0500", "0.0600", "0.0700")), strict=True):
        for seed, value in zip(SEEDS, values, strict=True):
            assert f"<title>{system}, seed {seed}: {value}</title>" in html
            assert f"<title>{system}, seed {seed}</title>" in html


def test_seeds_that_are_not_measured_yet_are_named_and_the_others_shown(repeated: Path) -> None:
    Path("metrics/dolls/vspade/seed-1.json").unlink()
    report.main()
    assert "Not measured yet: vspade with seed 1." in Path("report/report.md").read_text()


def test_with_one_seed_nothing_is_said_of_seeds(workspace: Path) -> None:
    report.main()
    pages = Path("report/report.md").read_text() + Path("report/report.html").read_text()
    assert "±" not in pages
    assert not re.search(r"seed(s|\b)(?!-)", re.sub(r"<style>.*?</style>", "", pages, flags=re.DOTALL))


def test_two_systems_whose_seeds_overlap_are_both_marked_though_their_label_maps_tell_them_apart() -> None:
    one = measured(1.0, of_seed=0.5, of_map=0.1, own=1)
    found = seeded(a=one, b=measured(1.1, of_seed=-0.5, of_map=0.1, own=2))
    marks = [row.entries[0] and row.entries[0].best for row in result_table("d", found.means, seeded=found).rows]
    assert marks == [True, True]
    by_maps = [row.entries[0] and row.entries[0].best for row in result_table("d", found.means).rows]
    assert by_maps == [False, True]


def test_a_difference_has_the_corrected_p_of_its_test() -> None:
    values = {"a": 1.0, "b": 2.0, "c": 1.02}
    every = {name: measured(value, of_seed=0.02, of_map=1.0, own=ord(name)) for name, value in values.items()}
    found = seeded(**every)
    table = difference_table(found.means, baseline=None, seeded=found)
    assert table is not None
    (better,), (same,) = (entries for _, entries in table.rows)
    assert better is not None
    assert same is not None
    assert (better.verdict, better.p_value) == ("better", "p < 0.001")
    assert same.verdict == "within noise"
    alone = found.compare("mCSD", ["c"], "a")["c"].p_value
    assert found.compare("mCSD", ["b", "c"], "a")["c"].p_value == alone  # the largest is not multiplied
    b_alone, b_of_two = (found.compare("mCSD", names, "a")["b"].p_value for names in (["b"], ["b", "c"]))
    assert b_of_two == pytest.approx(2 * b_alone)


def test_systems_with_one_common_seed_are_compared_over_label_maps() -> None:
    one, other = (measured(value, of_seed=0.1, of_map=0.1, own=own) for value, own in ((1.0, 1), (3.0, 2)))
    found = seeded(a=one, b={1: other[1]})
    table = difference_table(found.means, baseline=None, seeded=found)
    assert table is not None
    assert [entry and (entry.verdict, entry.p_value) for entry in table.rows[0][1]] == [("better", None)]


def test_shares_are_of_the_systems_that_were_measured() -> None:
    found = seeded(a=measured(1.0, of_seed=2.0, of_map=0.1, own=1), b=measured(1.0, of_seed=0.0, of_map=2.0, own=2))
    table = seed_table(found)
    assert table is not None
    (_, (seeds,)), (_, (maps,)) = table.rows
    assert seeds == pytest.approx(1, abs=0.02)
    assert maps == pytest.approx(0, abs=0.02)
    assert seed_table(seeded(a=measured(1.0, of_seed=0, of_map=1, own=1, seeds=(0,)))) is None


def test_values_per_class_are_means_over_seeds_where_all_have_one() -> None:
    shared = {"class": ["a", "b"], "CSD": [0.1, None], "OCD": [0.0, 0.0]}
    merged = mean_class_values([{**shared, "IoU": [1.0, 0.0]}, {**shared, "IoU": [0.0, 0.0]}])
    assert merged == {**shared, "IoU": [0.5, 0.0]}
