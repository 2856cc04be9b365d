"""The verbs from label maps to pictures, end to end."""

from pathlib import Path

import numpy as np
import pytest
from numpy import ndarray
from PIL import Image

from smis.cli import main
from tests import checkpoints

HEIGHT, WIDTH = checkpoints.SIZE
TILE_WIDTH, TILE_HEIGHT = WIDTH * 4, HEIGHT * 4


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints, two label maps (the second without hair), as many instance maps, photographs and edited maps."""
    root = tmp_path_factory.mktemp("verbs")
    for name in ("groupdnet", "inade", "spade", "vspade"):
        checkpoints.write(root / f"{name}.safetensors", name)
    bars = np.broadcast_to(np.arange(WIDTH) * 5 // WIDTH, (HEIGHT, WIDTH)).astype(np.uint8)
    maps = {"a": bars, "b": np.where(bars == 1, 0, bars)}
    noise = np.random.default_rng(0)
    for stem, labels in maps.items():
        _save(root / "labels" / f"{stem}.png", labels)
        _save(root / "instances" / f"{stem}.png", labels)
        _save(root / "edited" / f"{stem}.png", np.where(labels == 4, 5, labels))
        _save(root / "images" / f"{stem}.png", noise.integers(0, 256, (HEIGHT, WIDTH, 3)))
    return root


def _save(path: Path, array: ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)


def _run(folder: Path, out: Path, line: str, *, code: int = 0) -> list[str]:
    """Run a verb on the CPU; paths begin with `/`. Return the names of the pictures."""
    words = [str(folder / word[1:]) if word.startswith("/") else word for word in line.split()]
    assert main([*words, "--out", str(out), "--device", "cpu"]) == code
    return sorted(path.name for path in out.iterdir()) if out.exists() else []


def _pixels(path: Path) -> ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def _columns(out: Path) -> int:
    """Count the tiles beside each other."""
    with Image.open(out / "sheet.png") as sheet:
        return (sheet.width - 32 + 8) // (TILE_WIDTH + 8)


EXEMPLAR = "/images/b.png /labels/b.png"


@pytest.mark.parametrize(
    ("line", "pictures", "columns"),
    [
        ("generate /vspade.safetensors /labels --samples 3", 6, 4),
        ("generate /spade.safetensors /labels/a.png /labels/b.png", 2, 2),
        ("generate /groupdnet.safetensors /labels --image /images --samples 2", 4, 4),
        ("resample /groupdnet.safetensors /labels --classes top,2 --samples 2", 6, 4),
        ("resample /inade.safetensors /labels --instance-maps /instances --instances 0 3 --samples 2", 6, 4),
        (f"mix /groupdnet.safetensors /labels --from {EXEMPLAR} --weights top=1.0,face=0.5 skin=0", 4, 4),
        ("morph /vspade.safetensors /labels --steps 3 --to-seed 2", 6, 4),
        (f"morph /inade.safetensors /labels --image /images --from {EXEMPLAR} --steps 2", 4, 5),
        ("edit /groupdnet.safetensors /labels /edited", 4, 4),
        ("edit /inade.safetensors /labels/a.png /edited/a.png --instance-maps /instances/a.png", 2, 4),
        (f"copy /inade.safetensors /labels --exemplar {EXEMPLAR} /instances/b.png --source 3 --target 1", 4, 4),
        (f"copy /groupdnet.safetensors /labels --exemplar {EXEMPLAR} --source top --target top", 4, 4),
    ],
)
def test_a_verb_writes_its_pictures_and_a_sheet(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, pictures: int, columns: int
) -> None:
    names = _run(folder, tmp_path / "out", line)
    each = 1 if "/labels/a.png /edited" in line else 2
    stems = ("a", "b")[:each]
    assert names == [f"{stem}_{n:02d}.png" for stem in stems for n in range(pictures // each)] + ["sheet.png"]
    assert _pixels(tmp_path / "out" / "a_00.png").shape == (HEIGHT, WIDTH, 3)
    assert _columns(tmp_path / "out") == columns
    told = capsys.readouterr().out
    assert told.startswith(f"{pictures} images of {each} label map")
    assert told.count("\n") == 1


def test_a_seed_makes_the_same_pictures_again(folder: Path, tmp_path: Path) -> None:
    for out in ("first", "again"):
        _run(folder, tmp_path / out, "generate /inade.safetensors /labels --samples 2")
    _run(folder, tmp_path / "other", "generate /inade.safetensors /labels/b.png --samples 1 --seed 1")
    first, again = (_pixels(tmp_path / out / "b_01.png") for out in ("first", "again"))
    assert (first == again).all()
    assert (first != _pixels(tmp_path / "other" / "b_00.png")).any()


def test_a_label_map_that_cannot_have_the_style_is_left_out_and_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = _run(folder, tmp_path / "out", "resample /groupdnet.safetensors /labels --classes hair --samples 1")
    assert names == ["a_00.png", "a_01.png", "sheet.png"]
    told = capsys.readouterr()
    assert "left out" in told.err
    assert "b.png: the image has no hair; it has: background (0), face (2)" in told.err
    assert told.out.startswith("2 images of 1 label map in ")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("resample /spade.safetensors /labels --classes hair", "SPADE makes one image of a label map"),
        ("resample /vspade.safetensors /labels/a.png --classes hair", "systems that vary classes: "),
        ("resample /groupdnet.safetensors /labels --classes hat", "there is no class 'hat'; there are: background (0)"),
        ("resample /inade.safetensors /labels --instances x", "--instances got 'x'; give ids as numbers"),
        ("generate /groupdnet.safetensors /nowhere.png", "there is no file"),
        ("generate /groupdnet.safetensors /", "there is no label map in"),
        ("generate /none.safetensors /labels", "there is no checkpoint"),
        ("generate /groupdnet.safetensors /labels/a.png /edited/a.png", "have one name"),
        ("generate /groupdnet.safetensors /images/a.png", "has mode RGB, but a map has one channel of ids"),
        (
            "generate /vspade.safetensors /labels --image /images/a.png",
            "--image is one file, but there are 2 label maps",
        ),
        ("edit /vspade.safetensors /labels /labels/a.png", "EDITED is one file, but there are 2 label maps"),
        ("generate /vspade.safetensors /labels --image /", "has no a.png for"),
        (
            "mix /groupdnet.safetensors /labels --from /images/a.png --weights hair=1",
            "--from got 1 file(s); give --from",
        ),
        (f"mix /groupdnet.safetensors /labels --from {EXEMPLAR} --weights hair", "--weights got 'hair'; give CLASS=W"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    assert [name for name in _run(folder, tmp_path / "out", line, code=2) if name == "sheet.png"] == []
    errors = [one for one in capsys.readouterr().err.splitlines() if one.startswith("error: ")]
    assert len(errors) == 1
    assert told in errors[0]
