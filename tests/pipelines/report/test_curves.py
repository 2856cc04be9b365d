"""Curves as SVG."""

import math
import re
from xml.etree import ElementTree

from pipelines.report.inline_svg import Chart
from pipelines.report.training_curves import curve_charts

CURVE = ".//{*}g[@class='curve']"


def history(*values: float) -> list[dict[str, float]]:
    return [{"step": step, "GAN": value, "lr_generator": 1e-4} for step, value in enumerate(values, 1)]


def paths(chart: Chart) -> list[ElementTree.Element]:
    return [path for curve in ElementTree.fromstring(chart.svg).findall(CURVE) for path in curve.findall("{*}path")]


def test_each_quantity_is_one_chart_with_the_values_and_their_means_of_each_system() -> None:
    (chart,) = curve_charts({"inade": history(1, 2, 3), "spade": history(3, 2, 1)})
    assert chart.name == "GAN"
    curves = ElementTree.fromstring(chart.svg).findall(CURVE)
    assert [curve.findtext("{*}title") for curve in curves] == ["inade", "inade", "spade", "spade"]
    colors = [re.search(r"stroke: ([^;]+)", path.get("style", "")) for path in paths(chart)]
    assert [color and color[1] for color in colors] == ["var(--s0)", "var(--s0)", "var(--s1)", "var(--s1)"]


def test_every_color_is_one_of_the_page() -> None:
    (chart,) = curve_charts({f"system-{number}": history(1, number) for number in range(10)})
    assert set(re.findall(r"(?:stroke|fill): ([^;\"]+)", chart.svg)) == {
        "none",
        "var(--rule)",
        "var(--soft)",
        *(f"var(--s{number})" for number in range(8)),
    }


def test_every_point_lies_on_the_chart() -> None:
    (chart,) = curve_charts({"inade": history(1e-6, 5.0, 1e6)})
    _, _, width, height = (float(side) for side in ElementTree.fromstring(chart.svg).get("viewBox", "").split())
    points = [point for path in paths(chart) for point in re.findall(r"[ML] (\S+) (\S+)", path.get("d", ""))]
    assert len(points) == 2 * 3
    assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in points)


def test_a_long_training_is_drawn_in_few_points() -> None:
    (chart,) = curve_charts({"inade": history(*(math.sin(step) for step in range(100_000)))})
    assert len(chart.svg) < 20_000


def test_a_constant_and_a_value_that_is_not_finite_are_drawn_without_fuss() -> None:
    (chart,) = curve_charts({"inade": history(2.0, math.nan, 2.0)})
    assert "nan" not in chart.svg
