import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from smis.core.errors import ParamsError, TrainingError
from smis.engine.states import States
from smis.engine.tracker import Silence
from smis.engine.trainer import Batches, Trainable, TrainingConfig, train


def test_the_toy_fits_the_protocols(toy: ModuleType) -> None:
    assert isinstance(toy.Toy(), Trainable)
    assert isinstance(toy.Data(toy.Processes()), Batches)


def test_a_term_that_is_not_finite_stops_training_and_names_step_term_and_pictures(
    toy: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(
        TrainingError, match=r"at step 3 L1 is inf and D_Fake is nan, with the pictures 2/0, 2/1, .*lower train.rate"
    ):
        toy.learned(tmp_path, toy.config_of(9), broken_at=3)
    state = States(tmp_path / "states", toy.config_of(9).model_dump()).newest()
    assert state is not None
    assert state["step"] == 2


def test_terms_are_looked_at_only_when_they_are_logged_drawn_or_saved(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="at step 4 "):
        toy.learned(tmp_path, toy.config_of(9, log_every=4, save_every=9), broken_at=3)


def test_the_record_has_every_term_and_what_is_worth_watching(toy: ModuleType, tmp_path: Path) -> None:
    toy.learned(tmp_path, toy.config_of(4, log_every=3))
    lines = [json.loads(text) for text in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 4]
    watched = {"rate_generator", "rate_discriminator", "gradient_generator", "gradient_discriminator"}
    assert set(lines[0]) == {"step", "GAN", "L1", "KLD", "D_Fake", "D_Real", "images_per_second"} | watched


def test_grids_are_drawn_with_the_average_in_eval_mode_and_change_nothing(toy: ModuleType, tmp_path: Path) -> None:
    seen: list[tuple[int, bool, bool]] = []
    config = toy.config_of(5, grid_every=2, ema=0.5)
    for kind in ("watched", "alone"):
        learner = toy.learner_of(config)

        def look(step: int, learner: Any = learner, kind: str = kind) -> None:
            if kind == "watched":
                generator = learner.system.generator
                average = learner.average.tensors["generator.last.weight"]
                seen.append((step, generator.training, generator.last.weight.equal(average)))
                generator(torch.zeros(1, 8, 8, dtype=torch.long), torch.randn(1, 4))

        data, states = toy.Data(toy.Processes()), States(tmp_path / kind, {})
        train(learner, data, seed=0, states=states, tracker=Silence(), look=look)
    assert seen == [(2, False, False), (4, False, False), (5, False, False)]
    one, other = (States(tmp_path / kind, {}).newest() for kind in ("watched", "alone"))
    assert one is not None
    assert other is not None
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_bf16_trains_with_weights_in_float32(toy: ModuleType, tmp_path: Path) -> None:
    learner = toy.learned(tmp_path, toy.config_of(3, precision="bf16"))
    assert {parameter.dtype for parameter in learner.system.generator.parameters()} == {torch.float32}


def test_a_generator_step_leaves_the_discriminator_without_gradients(toy: ModuleType) -> None:
    learner = toy.learner_of(toy.config_of(3))
    noise = toy.Noise(toy.generator(0))
    learner.generator.descend(learner.system.generator_terms(toy.batch_of(0), noise))
    assert learner.discriminator.gradient_norm() == 0
    assert learner.generator.gradient_norm() > 0


def test_a_decay_that_begins_after_the_end_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"decay_from is 50, which is not before the last of 50 steps"):
        TrainingConfig.check({"steps": 50, "decay_from": 50}, source="params.yaml", at="train")


def test_the_released_rates_are_the_defaults() -> None:
    config = TrainingConfig()
    assert (config.rate_generator, config.rate_discriminator, config.betas) == (1e-4, 4e-4, (0.0, 0.9))
