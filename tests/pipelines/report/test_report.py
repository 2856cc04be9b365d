"""The report as a whole, from files to files."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from pipelines.report import run as report
from pipelines.report import terminal
from smis.core.errors import ParamsError, ProtocolError, ShardError
from tests.studio.study import studies

from .conftest import result, results, write_metrics


def test_a_report_is_a_page_a_markdown_file_a_table_and_pictures(workspace: Path) -> None:
    report.main()
    there = {str(path.relative_to("report")) for path in Path("report").rglob("*") if path.is_file()}
    pictures = {"pictures/dolls.png", "pictures/dolls-groupdnet.png", "pictures/dolls-vspade.png"}
    assert there == {"report.html", "report.md", "table.json", "comparison.png"} | pictures


def test_the_page_asks_nothing_of_the_network(workspace: Path) -> None:
    report.main()
    page = Path("report/report.html").read_text()
    assert re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:)[\w/]""", page) == []
    assert "http" not in page.replace("http-equiv", "")


def test_the_same_files_give_the_same_report(workspace: Path) -> None:
    report.main()
    first = {path: path.read_bytes() for path in Path("report").rglob("*") if path.is_file()}
    report.main()
    assert {path: path.read_bytes() for path in Path("report").rglob("*") if path.is_file()} == first


def test_the_best_value_of_a_column_is_marked_on_the_page_and_in_markdown(workspace: Path) -> None:
    report.main()
    assert "<b>0.0100</b>" in Path("report/report.html").read_text()
    lines = Path("report/report.md").read_text().splitlines()
    ours = next(line for line in lines if line.startswith("| groupdnet"))
    other = next(line for line in lines if line.startswith("| vspade"))
    assert "**0.0100** <sub>0.0080&ndash;0.0120</sub>" in ours
    assert "| 0.0500 <sub>" in other


def test_real_images_stand_as_a_row_of_their_own(workspace: Path) -> None:
    report.main()
    table, cost = json.loads(Path("report/table.json").read_text())
    row = table["rows"][-1]
    values = dict(zip((column["name"] for column in table["columns"]), row["entries"], strict=True))
    assert row["name"] == "real images"
    assert values["mIoU"]["text"] == "90.0"
    assert values["mOCD"] is None
    assert not any(row["real"] for row in cost["rows"])


def test_differences_that_are_within_noise_are_said_to_be(workspace: Path) -> None:
    report.main()
    page, lines = Path("report/report.html").read_text(), Path("report/report.md").read_text().splitlines()
    assert "Differences from groupdnet" in page
    (row,) = (line for line in lines if line.startswith("| vspade") and "+0.0400" in line)
    assert row.count("(") == 1  # mCSD differs by noise alone
    assert [verdict in page for verdict in ("within noise</small>", "worse</small>", "better</small>")] == [1, 1, 0]


def test_a_class_that_is_nowhere_has_no_bars(workspace: Path) -> None:
    report.main()
    bars = Path("report/report.html").read_text().partition("<h3>Classes</h3>")[2].partition("Largest class")[0]
    assert re.findall(r"<dt>(\w+)</dt>", bars) == ["ground", "coat"] * 3


def test_systems_measured_in_different_ways_get_no_report_and_the_old_one_stays(workspace: Path) -> None:
    report.main()
    other = results(5.0)
    other["mOCD"]["protocol"]["samples"] = 20
    write_metrics("vspade", other)
    with pytest.raises(ProtocolError, match=r"mOCD of groupdnet and vspade on dolls .* samples is 4 and 20"):
        report.main()
    assert Path("report/report.html").exists()


def test_a_system_that_was_not_measured_is_named(workspace: Path) -> None:
    Path("metrics/dolls/vspade/seed-0.json").unlink()
    report.main()
    assert "Not measured yet: vspade." in Path("report/report.html").read_text()


def test_without_any_measurement_there_is_one_sentence(workspace: Path) -> None:
    for path in Path("metrics/dolls").glob("*/*.json"):
        path.unlink()
    with pytest.raises(ParamsError, match="nothing was measured on 'dolls' yet"):
        report.main()


def test_metrics_without_their_tables_get_one_sentence_with_the_remedy(workspace: Path) -> None:
    Path("runs/dolls/vspade/seed-0/tables/resamples.parquet").unlink()
    with pytest.raises(ShardError, match=r"seed-0/tables/resamples\.parquet is missing; run `dvc repro evaluate`"):
        report.main()


def test_a_metric_without_unit_and_network_is_shown(workspace: Path) -> None:
    write_metrics("groupdnet", results(1.0) | {"new": result(3.0)})
    report.main()
    assert "3.000" in Path("report/report.html").read_text()


def test_a_class_that_is_not_there_is_named_with_those_that_are(workspace: Path) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("rows: 2", "classes: [shoes]"))
    with pytest.raises(ParamsError, match="no class 'shoes'; there are: ground, coat, hat"):
        report.main()


def test_a_row_of_a_sheet_has_a_tile_for_every_column(workspace: Path) -> None:
    report.main()
    tiles, groups, side = 2 + 3 + (4 + 1) + (4 + 1), 4, 120
    with Image.open("report/pictures/dolls-groupdnet.png") as sheet:
        width = sheet.width
    assert width == 16 + tiles * side + (tiles - groups) * 4 + (groups - 1) * 18 + 16


def test_the_terminal_shows_the_table_and_how_to_see_more(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.main()
    terminal.main()
    said = capsys.readouterr().out
    assert "0.0100*" in said
    assert "report/report.html" in said
    assert "make up" in said


def test_the_terminal_says_what_to_do_where_there_is_no_report(workspace: Path) -> None:
    with pytest.raises(ParamsError, match="run `make repro` first"):
        terminal.main()


def test_what_volunteers_say_has_a_column(workspace: Path) -> None:
    report.main()
    assert "SHE" not in Path("report/report.md").read_text()
    Path("metrics/dolls/study").mkdir()
    Path("metrics/dolls/study/she.json").write_text(studies.report(workspace, ["groupdnet", "vspade"]))
    report.main()
    lines = Path("report/report.md").read_text().splitlines()
    assert "SHE↑ %" in next(line for line in lines if line.startswith("| system"))
    assert "**100.0**" in next(line for line in lines if line.startswith("| groupdnet"))
    assert "| 0.0 |" in next(line for line in lines if line.startswith("| vspade"))
