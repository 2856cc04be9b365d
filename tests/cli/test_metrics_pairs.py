from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smis.core.images import to_image
from smis.core.sample import RESAMPLED_ALL, SampleRow
from smis.data.samples import write_samples
from smis.metrics.image import lpips
from smis.metrics.image.sample_diversity import diversity

from .noise import noise, refused, save, told


def test_lpips_is_the_mean_over_pairs_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = noise(3), noise(3, seed=1)
    a, b = save(tmp_path / "a", first), save(tmp_path / "b", second)
    (found,) = told(capsys, "lpips", a, b, "--network", "stlpips_alex")
    expected = lpips.load("stlpips_alex")(to_image(first), to_image(second)).mean().item()
    assert found["value"] == pytest.approx(expected, rel=1e-4)
    assert (found["name"], found["protocol"]["label_maps"]) == ("paired_stlpips_alex", 3)
    for folder, seed in ((a, 2), (b, 3)):  # pairs of another size than the rest are fine
        Image.fromarray(noise(1, size=40, seed=seed)[0]).save(folder / "001.png")
    assert told(capsys, "lpips", a, b, "--network", "stlpips_alex")[0]["value"] > 0
    Image.fromarray(noise(1, size=41)[0]).save(a / "001.png")
    assert f"{b / '001.png'} is 40 x 40, but {a / '001.png'} is 41 x 41" in refused(
        capsys, "lpips", a, b, "--network", "stlpips_alex"
    )
    (a / "001.png").unlink()
    assert f"{b / '001.png'} has no partner of that name in {a} (1 of 3" in refused(
        capsys, "lpips", a, b, "--network", "stlpips_alex"
    )


def test_lpips_pairs_two_files_of_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        rows = [SampleRow(f"map {n}", 0, RESAMPLED_ALL, picture) for n, picture in enumerate(noise(3, seed=seed))]
        write_samples(tmp_path / f"{name}.arrow", rows[seed:], height=32, width=32)
    a, b = tmp_path / "a.arrow", tmp_path / "b.arrow"
    line = refused(capsys, "lpips", a, b, "--network", "stlpips_alex")
    assert f"{a}/map 0_00 has no partner of that name in {b}" in line
    write_samples(b, [replace(row, key=f"map {n}") for n, row in enumerate(rows)], height=32, width=32)
    (found,) = told(capsys, "lpips", a, b, "--network", "stlpips_alex")
    expected = lpips.load("stlpips_alex")(to_image(noise(3)), to_image(noise(3, seed=1))).mean().item()
    assert found["value"] == pytest.approx(expected, rel=1e-4)


def test_pictures_that_are_too_small_for_the_network_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = save(tmp_path / "x", noise(2, size=8), "a_{}".format)
    verb = "--network", "stlpips_alex"
    assert f"error: a in {place}: images of 8 x 8 pixels are too small" in refused(capsys, "diversity", place, *verb)
    assert f"error: a_0 in {place}: images of 8 x 8 pixels" in refused(capsys, "lpips", place, place, *verb)


@pytest.mark.parametrize("form", ["numbered", "folders", "arrow"])
def test_diversity_is_over_the_pictures_of_each_label_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    drawn = {"a_b": noise(3), "c": noise(3, seed=1)}
    place = tmp_path / "samples"
    for stem, pictures in drawn.items():
        if form == "numbered":
            save(place, pictures, lambda n, stem=stem: f"{stem}_{n:02d}")
            Image.fromarray(pictures[0]).save(place / "sheet.png")
        elif form == "folders":
            save(place / stem, pictures)
    if form == "arrow":
        place = tmp_path / "everything.arrow"
        rows = [
            SampleRow(stem, n, RESAMPLED_ALL, picture) for stem, all_ in drawn.items() for n, picture in enumerate(all_)
        ]
        write_samples(place, rows, height=32, width=32)
    (found,) = told(capsys, "diversity", place, "--network", "stlpips_alex", "--pairs", "all")
    network = lpips.load("stlpips_alex")
    expected = np.mean([diversity(to_image(each), network, pairs="all").mean().item() for each in drawn.values()])
    assert found["value"] == pytest.approx(expected, rel=1e-5)
    facts = {"network": "stlpips_alex", "label_maps": 2, "samples": 3, "pairs": "all", "weights": "b356b382"}
    assert facts.items() <= found["protocol"].items()


@pytest.mark.parametrize("form", ["numbered", "folders"])
def test_neighbors_are_those_of_the_next_number(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Twelve pictures, each a step away from the one before: 10 and 11 come after 9, and not after 1."""
    pictures = (noise(1) // 16 + 16 * np.arange(12)[:, None, None, None]).astype(np.uint8)
    place = save(tmp_path / "x" / ("" if form == "numbered" else "a"), pictures, "a_{}".format)
    (tmp_path / "x" / ".ipynb_checkpoints").mkdir()
    (found,) = told(capsys, "diversity", tmp_path / "x", "--network", "stlpips_alex")
    expected = diversity(to_image(pictures), lpips.load("stlpips_alex")).mean().item()
    assert found["value"] == pytest.approx(expected, rel=1e-5)
    if form == "folders":
        save(place.parent, noise(1), "b_{:02d}".format)
        line = refused(capsys, "diversity", tmp_path / "x", "--network", "stlpips_alex")
        assert "has both b_00.png and the folder a; keep one kind of them" in line


def test_diversity_refuses_names_counts_and_sizes_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = "--network", "stlpips_alex"
    place = save(tmp_path / "x", noise(2), "a_{:02d}".format)
    save(place, noise(3), "b_{:02d}".format)
    assert "b has 3 images, but a has 2" in refused(capsys, "diversity", place, *verb)
    (place / "b_02.png").unlink()
    Image.fromarray(noise(1, size=33)[0]).save(place / "b_01.png")
    assert f"b_01 of {place} is 33 x 33, but b_00 of {place} is 32 x 32" in refused(capsys, "diversity", place, *verb)
    (place / "b_01.png").unlink()
    assert "b has only 1 image, b_00" in refused(capsys, "diversity", place, *verb)
    (place / "b_00.png").rename(place / "b.png")
    assert f"b of {place} has no number" in refused(capsys, "diversity", place, *verb)


def test_lpips_without_its_trunk_says_how_to_bring_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    a = save(tmp_path / "a", noise(2))
    assert "`smis weights fetch alexnet`" in refused(capsys, "lpips", a, a)
