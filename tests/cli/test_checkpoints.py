import subprocess
import sys
from pathlib import Path

import pytest
import torch

from smis.cli import main
from smis.models.system_registry import SYSTEMS


@pytest.fixture
def files(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    system = SYSTEMS.load("vspade")(preset="paperdoll").build(classes=8, height=64, width=64, training=False)
    torch.save(system.generator.state_dict(), tmp_path / "latest_net_G.pth")
    torch.save(system.encoder.state_dict(), tmp_path / "latest_net_E.pth")
    return tmp_path


def test_a_release_is_imported_and_exported(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "import-checkpoint", str(files / "latest_net_G.pth"), "--release", "smis", "--preset", "paperdoll",
        "--out", str(files / "X.safetensors"),
    ]  # fmt: skip
    assert main(command) == 0
    assert capsys.readouterr().out == (
        f"{files}/X.safetensors: vspade at preset paperdoll; generator 222 tensors\n"
        "no encoder: styles can be sampled, but images cannot be encoded; --encoder latest_net_E.pth adds it\n"
    )
    assert main([*command, "--encoder", str(files / "latest_net_E.pth")]) == 0
    assert capsys.readouterr().out.endswith("; generator 222 tensors, encoder 16 tensors\n")
    folder = str(files / "again")
    assert main(["export-checkpoint", str(files / "X.safetensors"), "--to", "released", "--out", folder]) == 0
    assert capsys.readouterr().out == f"{folder}/latest_net_G.pth: 222 tensors\n{folder}/latest_net_E.pth: 16 tensors\n"


def test_an_export_says_what_it_takes_and_how_exact_it_is(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint, out = str(files / "X.safetensors"), str(files / "X.pt2")
    main(
        ["import-checkpoint", f"{files}/latest_net_G.pth", "--release=smis", "--preset=paperdoll", "--out", checkpoint]
    )
    capsys.readouterr()
    assert main(["export-checkpoint", checkpoint, "--to", "program", "--out", out, "--batch", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        f"{out}: labels int64 (2, 64, 64), style_global_latent float32 (2, 64) -> image float32 (2, 3, 64, 64)"
    )
    assert second.startswith("greatest difference from eager: ")
    assert second.endswith(" (1e-05 is allowed)")


def test_unused_tensors_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SYSTEMS.load("groupdnet")
    monkeypatch.setitem(config.presets, "paperdoll_unused", {**config.presets["paperdoll"], "unused_block": True})
    system = config(preset="paperdoll_unused").build(classes=8, height=64, width=64, training=False)
    torch.save(system.generator.state_dict(), tmp_path / "G.pth")
    command = ["--release", "smis", "--preset", "paperdoll_unused", "--out", str(tmp_path / "X.safetensors")]
    assert main(["import-checkpoint", str(tmp_path / "G.pth"), *command]) == 0
    assert "\nnot used by the network: up_4.* (38 tensors)\n" in capsys.readouterr().out


def test_a_file_that_does_not_fit_is_one_line_and_exit_code_2(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--release", "inade", "--preset", "paperdoll", "--out", str(files / "X.safetensors")]
    assert main(["import-checkpoint", str(files / "latest_net_E.pth"), *command]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(
        f"error: {files}/latest_net_E.pth is not the generator of inade at preset 'paperdoll'"
    )
    assert printed.err.count("\n") == 1


def test_a_checkpoint_that_is_not_there_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export-checkpoint", str(tmp_path / "X"), "--to", "released", "--out", str(tmp_path)]) == 2
    assert "run the stage `train` first (`dvc repro train`), or bring a published one" in capsys.readouterr().err


def test_a_batch_is_at_least_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["export-checkpoint", "X", "--to", "onnx", "--out", str(tmp_path), "--batch", "0"])
    assert "'0' is not a whole number from 1" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    command = [
        sys.executable,
        "-c",
        "from smis.cli import main; raise SystemExit(main(['weights', 'path', 'stlpips_alex']))",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
