"""Checkpoints, styles and released weights that are damaged, of another program, or lie about their sizes."""

import json
import os
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import smis
from smis.cli import main
from smis.core.errors import CheckpointError, SmisError
from smis.models.system_registry import SYSTEMS
from smis.published.importer import import_checkpoint
from smis.training.export import load_system, load_weights, read_checkpoint, save_weights
from tests import checkpoints
from tests.bad_input.conftest import Refuse

NAN, INF = float("nan"), float("inf")
Change = Callable[[Path, Path], object]


def _rewritten(source: Path, target: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], object]) -> None:
    tensors, metadata = load_weights(source)
    change(metadata, tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, target, metadata=metadata)


def _metadata(**changes: Any) -> Change:
    """Set metadata to other texts; None takes a field away."""

    def change(metadata: dict[str, Any], _: object) -> None:
        metadata.update({key: value for key, value in changes.items() if value is not None})
        for key in [key for key, value in changes.items() if value is None]:
            del metadata[key]

    return lambda source, target: _rewritten(source, target, change)


def _config(**changes: Any) -> Change:
    def change(metadata: dict[str, Any], _: object) -> None:
        metadata["config"] = json.dumps(json.loads(metadata["config"]) | changes)

    return lambda source, target: _rewritten(source, target, change)


def _tensor(value: Callable[[torch.Tensor], torch.Tensor | None]) -> Change:
    """Change a weight of the generator; None takes it away."""

    def change(_: object, tensors: dict[str, torch.Tensor]) -> None:
        name = next(name for name in tensors if name.startswith("generator.") and tensors[name].dim() == 4)
        changed = value(tensors[name].clone())
        if changed is None:
            del tensors[name]
        else:
            tensors[name] = changed

    return lambda source, target: _rewritten(source, target, change)


def _spoil(number: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def spoiled(tensor: torch.Tensor) -> torch.Tensor:
        tensor.view(-1)[3] = number
        return tensor

    return spoiled


def _bytes(change: Callable[[bytes], bytes]) -> Change:
    return lambda source, target: target.write_bytes(change(source.read_bytes()))


def _header(text: bytes) -> Change:
    return lambda _, target: target.write_bytes(len(text).to_bytes(8, "little") + text)


CHECKPOINTS: dict[str, tuple[Change, str]] = {
    "is empty": (_bytes(lambda _: b""), "broken|empty"),
    "is text": (_bytes(lambda _: b"hello"), "broken|no "),
    "is cut off in its head": (_bytes(lambda content: content[:100]), "broken|cut"),
    "is cut off in its tensors": (_bytes(lambda content: content[:-100]), "broken|cut"),
    "has a head of 2^60 bytes": (_bytes(lambda content: (2**60).to_bytes(8, "little") + content[8:]), "broken"),
    "has a head of text": (_header(b"hello"), "broken"),
    "has a head of deep lists": (_header(b"[" * 100_000), "broken"),
    "has a head with an impossible place": (
        _header(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,800000000000]}}'),
        "broken",
    ),
    "is a pickle": (
        lambda _, target: torch.save({"a": torch.zeros(1)}, target),
        "safetensors|broken|import-checkpoint",
    ),
    "is a folder": (lambda _, target: target.mkdir(), "folder|no checkpoint"),
    "is a FIFO": (lambda _, target: os.mkfifo(target), "no checkpoint|file"),
    "leads nowhere": (lambda _, target: target.symlink_to("nowhere.safetensors"), "link"),
    "leads to a device": (lambda _, target: target.symlink_to("/dev/zero"), "file"),
    "leads to itself": (lambda _, target: target.symlink_to(target.name), "link"),
    "has no metadata": (lambda source, target: save_file(load_file(source), target), "metadata|format"),
    "has another format": (_metadata(format="99"), "99"),
    "has no system": (_metadata(system=None), "system"),
    "has an unknown system": (_metadata(system="groupdnett"), "groupdnet"),
    "has a system with a path": (_metadata(system="../../etc/passwd"), "system"),
    "has no config": (_metadata(config=None), "config"),
    "has a broken config": (_metadata(config="{"), "config"),
    "has a config that is a list": (_metadata(config="[]"), "config"),
    "has a config of numbers": (_metadata(config="12"), "config"),
    "has an unknown option": (_config(hyperdrive=1), "hyperdrive"),
    "has a negative width": (_config(width=-1), "width"),
    "has a width of 10^9": (_config(width=10**9), "width|size|large"),
    "has a width of text": (_config(width="wide"), "width"),
    "has a width of 10^5": (_config(width=10**5), "has shape"),
    "has a width of NaN": (_config(width=NAN), "width"),
    "has a million blocks": (_config(multiples=[1] * 1_000_000), "multiples|built"),
    "has no classes": (_metadata(classes=None), "classes"),
    "has broken classes": (_metadata(classes="hair, top"), "classes"),
    "has classes of numbers": (_metadata(classes="[1, 2, 3, 4, 5, 6]"), "classes"),
    "has classes as a number": (_metadata(classes="6"), "classes"),
    "has an empty list of classes": (_metadata(classes="[]"), "classes"),
    "has a class too few": (_metadata(classes='["a", "b", "c", "d", "e"]'), "classes|palette|fit"),
    "has a class twice": (_metadata(classes='["a", "a", "c", "d", "e", "f"]'), "twice|classes"),
    "has no palette": (_metadata(palette=None), "palette"),
    "has a broken palette": (_metadata(palette="red"), "palette"),
    "has a palette of five colors": (_metadata(palette="[[0,0,0],[1,1,1],[2,2,2],[3,3,3],[4,4,4]]"), "palette"),
    "has colors of two numbers": (_metadata(palette="[[0,0],[1,1],[2,2],[3,3],[4,4],[5,5]]"), "palette"),
    "has colors beyond 255": (_metadata(palette=json.dumps([[0, 0, 300]] * 6)), "palette"),
    "has colors of text": (_metadata(palette=json.dumps(["red"] * 6)), "palette"),
    "has no height": (_metadata(height=None), "height"),
    "has a height of text": (_metadata(height="tall"), "height"),
    "has a height of 0": (_metadata(height="0"), "height"),
    "has a negative height": (_metadata(height="-32"), "height"),
    "has a height of 10^12": (_metadata(height="1000000000000"), "height"),
    "has a height that is no whole number": (_metadata(height="32.5"), "height"),
    "has a height of 5,000 digits": (_metadata(height="9" * 5000), "height"),
    "has a weight that is NaN": (_tensor(_spoil(NAN)), "generator"),
    "has a weight that is infinite": (_tensor(_spoil(INF)), "generator"),
    "has no weight": (_tensor(lambda _: None), "generator"),
    "has a weight of another shape": (_tensor(lambda tensor: tensor[:1]), "generator"),
    "has a weight of whole numbers": (_tensor(lambda tensor: tensor.to(torch.int64)), "generator"),
}


@pytest.mark.parametrize("fault", CHECKPOINTS)
def test_a_bad_checkpoint_is_refused(refuse: Refuse, good: Path, tmp_path: Path, fault: str) -> None:
    write, words = CHECKPOINTS[fault]
    write(good / "groupdnet.safetensors", tmp_path / "bad.safetensors")
    message = refuse("generate {bad}/bad.safetensors {good}/labels/a.png --out {out} --device cpu")
    assert "bad.safetensors" in message
    assert re.search(words, message), message


@pytest.mark.parametrize("verb", ["released", "program"])
@pytest.mark.parametrize(
    "fault", [name for name in CHECKPOINTS if name not in ("has a class twice", "has a weight of whole numbers")]
)
def test_a_bad_checkpoint_is_not_exported(refuse: Refuse, good: Path, tmp_path: Path, verb: str, fault: str) -> None:
    write, _ = CHECKPOINTS[fault]
    write(good / "groupdnet.safetensors", tmp_path / "bad.safetensors")
    assert "bad.safetensors" in refuse(f"export-checkpoint {{bad}}/bad.safetensors --to {verb} --out {{out}}")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision_are_read_as_the_floats_that_they_are(
    good: Path, tmp_path: Path, kind: torch.dtype
) -> None:
    def cast(to: torch.dtype) -> Callable[[object, dict[str, torch.Tensor]], None]:
        return lambda _, tensors: tensors.update(
            {name: tensor.to(kind).to(to) for name, tensor in tensors.items() if tensor.is_floating_point()}
        )

    for name, to in (("cast", kind), ("float", torch.float32)):
        _rewritten(good / "groupdnet.safetensors", tmp_path / f"{name}.safetensors", cast(to))
    images = [
        smis.load(tmp_path / f"{name}.safetensors", device="cpu")(good / "labels" / "a.png")
        for name in ("cast", "float")
    ]
    assert images[0].dtype == torch.float32
    assert images[0].equal(images[1])
    assert load_system(tmp_path / "cast.safetensors", SYSTEMS).system.generator.conv_img.weight.dtype == torch.float32


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_takes_no_memory_has_the_tensors_of_the_system(name: str, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(checkpoints.write(tmp_path / "X.safetensors", name), SYSTEMS)
    for network in ("generator", "encoder") if checkpoint.encodes else ("generator",):
        outline, built = (getattr(each, network).state_dict() for each in (checkpoint.outline(), checkpoint.build()))
        assert [(key, each.shape, each.dtype) for key, each in outline.items()] == [
            (key, each.shape, each.dtype) for key, each in built.items()
        ]
        assert all(each.is_meta for each in outline.values())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("bicyclegan", {"levels": 10**9}),
        ("bicyclegan", {"encoder_blocks": 10**9}),
        ("pix2pixhd", {"downsamplings": 10**9}),
        ("pix2pixhd", {"blocks": 10**9}),
        ("inade", {"latent": 10**15}),
        ("spade", {"discriminator": {"scales": 10**9}}),
        ("vspade", {"width": 10**9}),
        ("inade", {"slots": 10**9}),
        ("pix2pixhd", {"slots": 2**16 + 1}),
    ],
)
def test_a_config_of_no_sense_takes_neither_time_nor_memory(
    good: Path, tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    checkpoints.write(tmp_path / "good.safetensors", name)
    _config(**changes)(tmp_path / "good.safetensors", tmp_path / "bad.safetensors")
    with pytest.raises(CheckpointError, match=r"bad\.safetensors") as refused:
        smis.load(tmp_path / "bad.safetensors", device="cpu")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["inade", "spade", "pix2pixhd", "dscgan"])
def test_an_encoder_that_its_system_lacks_is_named(good: Path, tmp_path: Path, name: str) -> None:
    def change(metadata: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        if name == "inade":
            metadata["config"] = json.dumps(json.loads(metadata["config"]) | {"encoder": False})
        tensors["encoder.weight"] = torch.zeros(1)

    checkpoints.write(tmp_path / "good.safetensors", name)
    _rewritten(tmp_path / "good.safetensors", tmp_path / "bad.safetensors", change)
    with pytest.raises(
        CheckpointError, match=r"bad\.safetensors does not fit its system's encoder: .* of the file is no"
    ):
        smis.load(tmp_path / "bad.safetensors", device="cpu")


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 400), byte=st.integers(1, 255), end=st.integers(8, 600))
def test_a_changed_head_is_refused_or_changes_values_alone(tmp_path: Path, place: int, byte: int, end: int) -> None:
    path = tmp_path / "X.safetensors"
    save_weights(path, {"a": torch.ones(4), "b": torch.ones(2, 2)}, metadata={"system": "toy", "config": "{}"})
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= byte
    for changed in (content, path.read_bytes()[: end % len(content)]):
        path.write_bytes(changed)
        with suppress(CheckpointError):
            load_weights(path)


def _compressed(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b" " * 1000)


RELEASED: dict[str, tuple[Callable[[Path], object], str]] = {
    "is empty": (lambda path: path.write_bytes(b""), "broken"),
    "is text": (lambda path: path.write_bytes(b"hello"), "broken"),
    "is HTML": (lambda path: path.write_bytes(b"<!DOCTYPE html>" * 100), "broken"),
    "is a list": (lambda path: torch.save([torch.zeros(1)], path), "list"),
    "is one tensor": (lambda path: torch.save(torch.zeros(1), path), "Tensor"),
    "is a whole module": (lambda path: torch.save(torch.nn.Linear(1, 1), path), "code"),
    "holds a function": (lambda path: torch.save({"a": print}, path), "code"),
    "holds numbers": (lambda path: torch.save({"step": 3}, path), "step"),
    "holds a state inside": (lambda path: torch.save({"state_dict": {"a": torch.zeros(1)}}, path), "state_dict"),
    "holds nothing": (lambda path: torch.save({}, path), "missing|no tensor"),
    "holds NaN": (lambda path: torch.save({"fc.weight": torch.full((3,), NAN)}, path), "fc.weight"),
    "holds a tensor of the meta device": (
        lambda path: torch.save({"fc.weight": torch.zeros(3, device="meta")}, path),
        "fc.weight",
    ),
    "holds a sparse tensor": (
        lambda path: torch.save({"fc.weight": torch.eye(3).to_sparse()}, path),
        "fc.weight|broken",
    ),
    "holds one number as many": (
        lambda path: torch.save({"fc.weight": torch.zeros(1).expand(10**12)}, path),
        "fc.weight",
    ),
    "is compressed": (lambda path: _compressed(path), "broken"),
    "is a safetensors file": (lambda path: save_file({"a": torch.zeros(1)}, path), "broken|safetensors"),
    "is a folder": (lambda path: path.mkdir(), "file"),
    "is a FIFO": (lambda path: os.mkfifo(path), "file"),
    "leads nowhere": (lambda path: path.symlink_to("nowhere.pth"), "link"),
    "leads to a device": (lambda path: path.symlink_to("/dev/zero"), "file"),
    "is an array": (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00v\x00" + b" " * 200), "broken"),
}


@pytest.mark.parametrize("fault", RELEASED)
@pytest.mark.parametrize("option", ["generator", "encoder"])
def test_bad_released_weights_are_refused(
    refuse: Refuse, released: Path, tmp_path: Path, option: str, fault: str
) -> None:
    write, words = RELEASED[fault]
    write(tmp_path / "bad.pth")
    files = "{bad}/bad.pth" if option == "generator" else "{released}/latest_net_G.pth --encoder {bad}/bad.pth"
    line = f"import-checkpoint {files} --release smis --preset paperdoll --system vspade --out {{bad}}/X.safetensors"
    message = refuse(line, released=released)
    assert "bad.pth" in message
    assert re.search(words, message), message


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released")
    system = SYSTEMS.load("vspade")(preset="paperdoll").build(classes=8, height=64, width=64, training=False)
    torch.save(system.generator.state_dict(), folder / "latest_net_G.pth")
    torch.save(
        {f"module.{name}": tensor for name, tensor in system.generator.state_dict().items()}, folder / "parallel.pth"
    )
    return folder


def test_released_weights_of_half_precision_become_floats(released: Path, tmp_path: Path) -> None:
    state = torch.load(released / "latest_net_G.pth", weights_only=True)
    halves = {name: each.half() if each.is_floating_point() else each for name, each in state.items()}
    torch.save(halves, tmp_path / "half.pth")
    out = tmp_path / "X.safetensors"
    import_checkpoint(tmp_path / "half.pth", release="smis", preset="paperdoll", system="vspade", out=out)
    tensors, _ = load_weights(out)
    assert tensors["generator.conv_img.weight"].dtype == torch.float32
    assert all(tensors[f"generator.{name}"].equal(each.to(state[name].dtype)) for name, each in halves.items())


def test_names_of_data_parallel_are_taken_and_said(
    released: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--release",
        "smis",
        "--preset",
        "paperdoll",
        "--system",
        "vspade",
        "--out",
        str(tmp_path / "X.safetensors"),
    ]
    assert main(["import-checkpoint", str(released / "parallel.pth"), *options]) == 0
    assert "module." in capsys.readouterr().out
    plain = [*options[:-1], str(tmp_path / "Y.safetensors")]
    assert main(["import-checkpoint", str(released / "latest_net_G.pth"), *plain]) == 0
    assert (tmp_path / "X.safetensors").read_bytes() == (tmp_path / "Y.safetensors").read_bytes()


def _codes(tensors: dict[str, torch.Tensor], change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    tensors.update({name: change(code) for name, code in tensors.items() if name.startswith("code.")})


STYLES: dict[str, Callable[[dict[str, Any], dict[str, torch.Tensor]], object]] = {
    "has no labels": lambda _, tensors: tensors.pop("labels"),
    "has labels of floats": lambda _, tensors: tensors.update(labels=tensors["labels"].float()),
    "has labels of another size": lambda _, tensors: tensors.update(labels=tensors["labels"][:, :5]),
    "has no latents": lambda _, tensors: [tensors.pop(name) for name in list(tensors) if name.startswith("code.")],
    "has unknown latents": lambda _, tensors: tensors.update({"code.smell": torch.zeros(1)}),
    "has latents that are NaN": lambda _, tensors: _codes(tensors, lambda code: code * NAN),
    "has latents of another shape": lambda _, tensors: _codes(tensors, lambda code: code[..., :1]),
    "has latents of whole numbers": lambda _, tensors: _codes(tensors, lambda code: code.long()),
    "has latents of no image": lambda _, tensors: _codes(tensors, lambda code: code[:0]),
    "has latents of no dimension": lambda _, tensors: _codes(tensors, lambda code: code.sum()),
    "has no seeds": lambda metadata, _: metadata.pop("seeds"),
    "has broken seeds": lambda metadata, _: metadata.update(seeds="{"),
    "has seeds of text": lambda metadata, _: metadata.update(seeds='["a"]'),
    "has two seeds for one map": lambda metadata, _: metadata.update(seeds="[1, 2]"),
    "has a label beyond the classes": lambda _, tensors: tensors["labels"].fill_(99),
    "has an empty label map": lambda _, tensors: tensors.update(labels=tensors["labels"][:, :0]),
    "is of another system": lambda metadata, _: metadata.update(style_of="INADE"),
    "does not say whether it was drawn": lambda metadata, _: metadata.pop("drawn"),
}  # fmt: skip


@pytest.mark.parametrize("fault", STYLES)
def test_a_bad_style_file_is_refused(good: Path, tmp_path: Path, fault: str) -> None:
    synth = smis.load(good / "groupdnet.safetensors", device="cpu")
    synth.sample(good / "labels" / "a.png").save(tmp_path / "good.safetensors")
    _rewritten(tmp_path / "good.safetensors", tmp_path / "bad.safetensors", STYLES[fault])
    with pytest.raises(SmisError, match=r"bad\.safetensors") as refused:
        synth.style(tmp_path / "bad.safetensors")
    assert "\n" not in str(refused.value)
