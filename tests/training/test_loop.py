import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from smis.core.batch import Batch
from smis.core.errors import ParamsError, TrainingError
from smis.core.seeding import Noise
from smis.training.checkpoints import CheckpointManager
from smis.training.distributed import DistributedContext
from smis.training.loggers import NullLogger
from smis.training.loop import Batches, Trainable, Trainer, TrainingConfig, train
from smis.training.optimizer import OptimizerStep


def test_the_toy_fits_the_protocols(toy: ModuleType) -> None:
    assert isinstance(toy.Toy(), Trainable)
    assert isinstance(toy.Data(toy.DistributedContext()), Batches)


def test_a_term_that_is_not_finite_stops_training_and_names_step_term_and_pictures(
    toy: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(
        TrainingError, match=r"at step 3 L1 is inf and D_Fake is nan, with the images 2/0, 2/1, .*lower train.lr"
    ):
        toy.learned(tmp_path, toy.config_of(9), broken_at=3)
    assert _newest(tmp_path, toy.config_of(9)) == 2


def test_a_term_that_explodes_stops_training_too(toy: ModuleType, tmp_path: Path) -> None:
    config = toy.config_of(9, explodes_at=0.1)
    with pytest.raises(TrainingError, match=r"at step 1 .*L1 is 0\.\d+, more than train\.explodes_at \(0\.1\)"):
        toy.learned(tmp_path, config)
    assert _newest(tmp_path, config) is None


def test_a_crash_dump_holds_the_state_the_terms_and_the_image_keys_and_is_never_resumed_from(
    toy: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "crash-dump.pt"
    with pytest.raises(TrainingError, match=f"{path} holds the state, the terms and the keys"):
        toy.learned(tmp_path, toy.config_of(9), broken_at=3)
    left = torch.load(path, weights_only=True)
    assert (left["step"], left["state"]["step"]) == (3, 3)
    assert left["keys"] == [f"2/{number}" for number in range(8)]
    assert left["terms"]["L1"] == float("inf")
    assert toy.learned(tmp_path, toy.config_of(9)).step == 9


def test_without_a_crash_dump_on_a_full_disk_the_error_is_still_the_term(toy: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "crash-dump.pt").mkdir()
    with pytest.raises(TrainingError, match=r"at step 3 L1 is inf .*cannot write .*crash-dump\.pt.*lower train"):
        toy.learned(tmp_path, toy.config_of(9), broken_at=3)


def _newest(folder: Path, config: TrainingConfig) -> int | None:
    state = CheckpointManager(folder / "states", config.model_dump()).load_newest()
    return None if state is None else state["step"]


def test_terms_are_looked_at_only_when_they_are_logged_drawn_or_saved(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="at step 4 "):
        toy.learned(tmp_path, toy.config_of(9, log_every=4, save_every=9), broken_at=3)


def test_the_record_has_every_term_and_what_is_worth_watching(toy: ModuleType, tmp_path: Path) -> None:
    toy.learned(tmp_path, toy.config_of(4, log_every=3))
    lines = [json.loads(text) for text in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 4]
    watched = {f"{what}_{side}" for what in ("lr", "gradient", "spectral") for side in ("generator", "discriminator")}
    cost = {"images_per_second", "data_wait_share", "memory_mib"}
    assert set(lines[0]) == {"step", "GAN", "L1", "KLD", "D_Fake", "D_Real"} | watched | cost


def test_grids_are_drawn_with_the_average_in_eval_mode_and_change_nothing(toy: ModuleType, tmp_path: Path) -> None:
    seen: list[tuple[int, bool, bool]] = []
    config = toy.config_of(5, grid_every=2, ema=0.5)
    for kind in ("watched", "alone"):
        trainer = toy.trainer_of(config)

        def look(step: int, trainer: Any = trainer, kind: str = kind) -> None:
            if kind == "watched":
                generator = trainer.system.generator
                average = trainer.ema.tensors["generator.last.weight"]
                seen.append((step, generator.training, generator.last.weight.equal(average)))
                generator(torch.zeros(1, 8, 8, dtype=torch.long), torch.randn(1, 4))

        data, checkpoints = toy.Data(toy.DistributedContext()), CheckpointManager(tmp_path / kind, {})
        train(trainer, data, seed=0, checkpoints=checkpoints, logger=NullLogger(), log_sample_grid=look)
    assert seen == [(2, False, False), (4, False, False), (5, False, False)]
    one, other = (CheckpointManager(tmp_path / kind, {}).load_newest() for kind in ("watched", "alone"))
    assert one is not None
    assert other is not None
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_bf16_trains_with_weights_in_float32(toy: ModuleType, tmp_path: Path) -> None:
    trainer = toy.learned(tmp_path, toy.config_of(3, precision="bf16"))
    assert {parameter.dtype for parameter in trainer.system.generator.parameters()} == {torch.float32}


def test_a_generator_step_leaves_the_discriminator_without_gradients(toy: ModuleType) -> None:
    trainer = toy.trainer_of(toy.config_of(3))
    noise = toy.Noise(toy.generator(0))
    trainer.generator_optimizer.step([lambda: trainer.system.generator_terms(toy.batch_of(0), noise)])
    assert trainer.discriminator_optimizer.gradient_norm() == 0
    assert trainer.generator_optimizer.gradient_norm() > 0


def test_a_decay_that_begins_after_the_end_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"decay_from is 50, which is not before the last of 50 steps"):
        TrainingConfig.check({"steps": 50, "decay_from": 50}, source="params.yaml", at="train")


def test_the_released_rates_are_the_defaults() -> None:
    config = TrainingConfig()
    assert (config.lr_generator, config.lr_discriminator, config.betas) == (1e-4, 4e-4, (0.0, 0.9))


def test_a_batch_in_shares_teaches_what_the_whole_batch_does(toy: ModuleType) -> None:
    """Without batch statistics and spectral vectors, which see one share at a time."""

    class Plain(toy.Toy):
        def __init__(self) -> None:
            super().__init__()
            self.generator.norm = torch.nn.Identity()
            for module in self.modules():
                if "weight_u" in module._buffers:
                    torch.nn.utils.remove_spectral_norm(module)

    learned = []
    for shares in (1, 4):
        torch.manual_seed(0)
        trainer = Trainer(Plain().double(), toy.config_of(3, accumulate=shares), DistributedContext())
        for step in range(1, 4):
            batch = toy.batch_of(step)
            trainer.train_step(step, replace(batch, image=batch.image.double()), seed=0)
        learned.append(trainer.ema.tensors)
    for name, tensor in learned[0].items():
        torch.testing.assert_close(learned[1][name], tensor, rtol=1e-10, atol=1e-10)


def test_shares_that_do_not_fit_the_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="accumulate is 3, which does not divide a batch of 16"):
        TrainingConfig(accumulate=3)


def test_fp16_scales_its_losses_and_its_state_goes_on(toy: ModuleType) -> None:
    trainer = toy.trainer_of(toy.config_of(4, precision="fp16"))
    weight = trainer.system.generator.last.weight
    before, scale = weight.detach().clone(), trainer.state_dict()["generator"]["scaler"]["scale"]
    for step in range(1, 13):
        trainer.train_step(
            min(step, 4), toy.batch_of(step), seed=0
        )  # steps whose gradients leave the range are left out
    state = trainer.state_dict()
    assert 1 < state["generator"]["scaler"]["scale"] <= scale
    assert not weight.equal(before)
    assert weight.isfinite().all()
    assert 0 < trainer.generator_optimizer.gradient_norm() < 1e3
    again = toy.trainer_of(toy.config_of(4, precision="fp16"))
    again.load_state_dict(state)
    assert again.state_dict()["generator"]["scaler"] == state["generator"]["scaler"]


@pytest.mark.filterwarnings("default")  # torch.compile looks where it warns others not to
@pytest.mark.parametrize("option", ["channels_last", "compile"])
def test_what_makes_a_step_faster_has_the_same_gradients(toy: ModuleType, option: str) -> None:
    """Not weights: Adam makes whole steps of a gradient that is round-off."""
    sides = []
    for section in ({}, {option: True}):
        trainer = toy.trainer_of(toy.config_of(1, lr_generator=1e-12, **section))
        trainer.train_step(1, toy.batch_of(1), seed=0)
        sides.append([_by_name(side) for side in (trainer.generator_optimizer, trainer.discriminator_optimizer)])
    for plain, faster in zip(*sides, strict=True):
        torch.testing.assert_close(faster, plain, rtol=0, atol=1e-5 * float(plain.norm()))


def _by_name(side: OptimizerStep) -> Tensor:
    return torch.cat([p.grad.contiguous().flatten() for p in side._parameters if p.grad is not None])


def test_networks_whose_numbers_lie_place_by_place_go_on_to_the_same_bits(toy: ModuleType, tmp_path: Path) -> None:
    whole, halves = (toy.config_of(6, channels_last=True) for _ in range(2))
    with pytest.raises(TrainingError, match="at step 4"):
        toy.learned(tmp_path / "halves", halves, broken_at=4)
    one, other = toy.learned(tmp_path / "whole", whole), toy.learned(tmp_path / "halves", halves)
    torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=0, atol=0)
    assert other.system.generator.last.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("section", [{}, {"accumulate": 2}, {"compile": True}])
def test_the_discriminator_sees_the_images_of_the_generators_step_if_asked(
    toy: ModuleType, section: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[Tensor]] = {"made": [], "judged": []}

    class Watched(toy.Toy):
        def _fake(self, batch: Batch, noise: Noise) -> tuple[Tensor, Tensor]:
            fake, mean = super()._fake(batch, noise)
            seen["made"].append(fake.detach())
            return fake, mean

        def discriminator_terms(self, batch: Batch, noise: Noise, fakes: Tensor | None = None) -> dict[str, Tensor]:
            assert fakes is not None
            seen["judged"].append(fakes)
            return super().discriminator_terms(batch, noise, fakes)

    monkeypatch.setattr(toy, "Toy", Watched)
    trainer = toy.trainer_of(toy.config_of(4, reuse_image=True, **section))
    for step in range(1, 5):
        trainer.train_step(step, toy.batch_of(step), seed=0)
    assert len(seen["judged"]) == 4 * section.get("accumulate", 1)
    torch.testing.assert_close(seen["judged"], seen["made"], rtol=0, atol=0)
    assert not any(image.requires_grad for image in seen["judged"])
