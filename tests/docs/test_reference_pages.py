"""Everything in a registry has a page, and what code draws there agrees with what was published."""

import re
import sys
from pathlib import Path

import pytest

from pipelines.params import STAGES
from smis.datasets.dataset_registry import DATASETS
from smis.metrics.metric_names import METRICS
from smis.models.system_registry import SYSTEMS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
sys.path.insert(0, str(ROOT / "docs/generate"))

import network_trace  # noqa: E402  # pyright: ignore[reportMissingImports]


def pages(folder: str) -> set[str]:
    return {page.stem for page in (REFERENCE / folder).glob("*.md")} - {"index"}


def test_every_system_data_set_and_stage_has_a_page_and_nothing_else_has() -> None:
    assert pages("systems") == set(SYSTEMS)
    assert pages("datasets") == set(DATASETS)
    assert pages("stages") == set(STAGES)


def test_every_metric_is_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (REFERENCE / "metrics").glob("*.md"))
    assert {name for name in METRICS if f"`{name}`" not in text and not name.startswith("paired_")} == set()
    assert "`paired_lpips_alex`" in text


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_the_idea_of_a_system_is_told_in_five_sentences(name: str) -> None:
    text = (REFERENCE / f"systems/{name}.md").read_text(encoding="utf-8")
    idea = text.split("\n\n")[1]
    assert len(re.findall(r"[.!?](?:\s|$)", idea)) == 5


@pytest.mark.parametrize("name", sorted(pages("metrics")))
def test_the_page_of_a_metric_has_what_a_reader_looks_for(name: str) -> None:
    text = (REFERENCE / f"metrics/{name}.md").read_text(encoding="utf-8")
    for heading in ("What changes it", "Example", "Pitfalls", "API"):
        assert f"\n## {heading}\n" in text
    assert name == "cost" or "\n$$\n" in text


@pytest.mark.parametrize(
    ("name", "preset", "published"),
    [
        ("clade", "ade20k", 42.21),
        ("clade", "cityscapes", 75.51),
        ("oasis", "ade20k", 194.36),
        ("spade", "ade20k", 181.15),
        ("spade", "cityscapes", 281.28),
    ],
)
def test_multiply_adds_are_those_counted_on_the_authors_code(name: str, preset: str, published: float) -> None:
    traced = network_trace.trace(name, preset, roles=("generator",))
    assert traced.networks["generator"].multiply_adds / 1e9 == pytest.approx(published, abs=0.006)


def test_a_unet_is_drawn_with_its_connections_past_other_blocks() -> None:
    blocks = network_trace.trace("bicyclegan", "deepfashion", roles=("generator",)).networks["generator"].blocks
    assert [block.channels for block in blocks] == [
        64,
        128,
        256,
        512,
        512,
        512,
        512,
        512,
        512,
        512,
        512,
        512,
        256,
        128,
        64,
        3,
    ]
    assert all(network_trace.STYLE in block.reads for block in blocks[:8])
    assert all(blocks[level].name in blocks[15 - level].reads for level in range(7))
