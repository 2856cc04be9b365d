"""The models that vary most are offered first."""

from dataclasses import replace
from pathlib import Path

from smis.studio.model_library import ModelLibrary
from smis.studio.model_sources import ModelSource, named_sources, zoo_sources
from tests import checkpoints


def _offered(sources: list[ModelSource]) -> list[str]:
    library = ModelLibrary({source.name: source for source in sources}, device="cpu")
    return [model.name for model in library.describe_all()]


def test_what_varies_instances_comes_first_and_the_zoo_before_the_workspace(
    sources: dict[str, ModelSource], tmp_path: Path
) -> None:
    large = ModelSource("large", checkpoints.write(tmp_path / "large.safetensors", "groupdnet", width=16))
    zoo = [replace(source, origin="zoo") for source in [*reversed(sources.values()), large]]
    trained = [replace(sources["inade"], name="trained", origin="workspace")]
    assert _offered([*trained, *zoo]) == ["inade", "large", "groupdnet", "vspade", "spade", "trained"]


def test_models_that_a_person_names_come_as_they_were_named(sources: dict[str, ModelSource]) -> None:
    assert _offered([sources[name] for name in ("spade", "inade", "vspade")]) == ["spade", "inade", "vspade"]


def test_the_studio_opens_with_a_model_that_varies_each_person() -> None:
    sources = zoo_sources()
    assert _offered(sources)[0] == "zoo:inade-paperdoll"
    assert {source.origin for source in sources} == {"zoo"}
    assert [source.origin for source in named_sources(["zoo:groupdnet-paperdoll"])] == ["named"]
