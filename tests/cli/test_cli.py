import json
import subprocess
import sys

import pytest
import yaml

from smis.cli import VERBS, main
from smis.datasets.dataset_registry import DATASETS


@pytest.mark.parametrize("arguments", [["--help"], ["weights", "list"], ["runs"], ["nosuch"]], ids=" ".join)
def test_what_needs_no_torch_does_not_wait_for_it(arguments: list[str]) -> None:
    probe = f"import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); sys.argv[1:] = {arguments}\n"
    probe += "from smis.cli import main; main()"
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert run.stdout.splitlines()[-1:] == ["False"], run.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_of_the_table_has_its_arguments(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main([verb, "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.startswith(f"usage: smis {verb} ")
    assert VERBS[verb][1] in printed
    assert len(printed.split("-h, --help show this help message and exit")[0]) > len(VERBS[verb][1]) + 40


def test_systems_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert {name: row["varies"] for name, row in rows.items()} == {
        "bicyclegan": "global",
        "clade": "nothing",
        "dscgan": "global",
        "groupdec": "class",
        "groupdnet": "class",
        "groupenc": "class",
        "groupnet": "class",
        "inade": "instance",
        "mulnet": "class",
        "oasis": "instance",
        "pix2pixhd": "nothing",
        "sean": "class",
        "spade": "nothing",
        "vspade": "global",
    }
    published = {"generator": 96_324_451, "encoder": 12_835_712, "discriminator": 5_544_066}
    assert rows["groupdnet"]["parameters"] == published


def test_systems_are_listed_with_the_sizes_of_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems", "--preset", "coco"]) == 0
    printed = capsys.readouterr().out
    assert "97,480,899" in printed
    assert "groupdnet" not in printed


def test_weights_say_what_is_known_and_where_to_put_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    printed = capsys.readouterr().out
    assert "stlpips" in printed
    assert "SMIS_WEIGHTS" in printed


def test_missing_weights_are_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path_factory.mktemp("empty")))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("hub")))
    assert main(["weights", "path", "vgg19"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1


def test_a_recipe_is_sections_of_params_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "groupdnet", "--preset", "cityscapes_paper", "--images", "2975"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["systems"] == {"groupdnet": {"preset": "cityscapes_paper"}}
    assert printed["train"]["steps"] == 2975 // 32 * 200
    assert printed["train"]["batch"] == 32


@pytest.mark.parametrize(
    ("preset", "dataset"), [("ade20k_paper", "ade20k"), ("coco", "coco_stuff"), ("facades", "folder")]
)
def test_a_recipe_says_at_what_size_pictures_are_loaded(
    preset: str, dataset: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recipe", "spade", "--preset", preset]) == 0
    section = yaml.safe_load(capsys.readouterr().out)["datasets"]
    assert section == {dataset: {"size": [256, 256], "load_size": [286, 286]}}
    own = {"classes": ["wall"]} if dataset == "folder" else {}
    DATASETS.load(dataset).model_validate({"root": "raw", **section[dataset], **own})


def test_a_recipe_that_was_not_published_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "groupdnet", "--preset", "coco"]) == 2
    assert "no published training for the preset 'coco'; there are: ade20k" in capsys.readouterr().err


def test_a_preset_that_no_system_has_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems", "--preset", "deepfasion"]) == 2
    assert "no system has a preset 'deepfasion'; there are: ade20k" in capsys.readouterr().err


def test_what_is_interrupted_says_so_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("smis.cli.metrics.run", interrupted)
    assert main(["metrics", "fid", "real", "fake"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
