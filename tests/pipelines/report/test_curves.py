"""Curves as SVG."""

import math
from xml.etree import ElementTree

from pipelines.report.curves import panels


def history(*values: float) -> list[dict[str, float]]:
    return [{"step": step, "GAN": value, "lr_generator": 1e-4} for step, value in enumerate(values, 1)]


def test_each_term_is_one_chart_with_a_line_for_each_system() -> None:
    (panel,) = panels({"inade": history(1, 2, 3), "spade": history(3, 2, 1)})
    assert panel.name == "GAN"
    lines = ElementTree.fromstring(panel.svg).findall("polyline[@class]")
    assert [line.get("class") for line in lines] == ["raw s0", "line s0", "raw s1", "line s1"]


def test_every_point_lies_on_the_chart() -> None:
    (panel,) = panels({"inade": history(1e-6, 5.0, 1e6)})
    tree = ElementTree.fromstring(panel.svg)
    _, _, width, height = (float(side) for side in tree.get("viewBox", "").split())
    points = [place.split(",") for line in tree.findall("polyline") for place in line.get("points", "").split()]
    assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in points)


def test_a_long_training_is_drawn_in_few_points() -> None:
    (panel,) = panels({"inade": history(*(math.sin(step) for step in range(100_000)))})
    assert len(panel.svg) < 20_000


def test_a_constant_and_a_value_that_is_not_finite_are_drawn_without_fuss() -> None:
    (panel,) = panels({"inade": history(2.0, math.nan, 2.0)})
    assert "nan" not in panel.svg
