from itertools import islice

import numpy as np
import pytest
import torch

from smis.core.errors import ParamsError
from smis.data.loader import Loader, stream


def equal(one, other):
    arrays = all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("image", "labels", "instances"))
    return arrays and one.keys == other.keys


def test_an_epoch_shows_every_sample_once_and_the_next_in_another_order():
    first, second = (stream(np.arange(start, start + 21), samples=21, seed=5) for start in (0, 21))
    assert sorted(first) == sorted(second) == list(range(21))
    assert not np.array_equal(first, second)


def test_batches_run_through_epochs_without_a_gap(make):
    split = make().split("train")
    batches = islice(Loader(split, batch=6, seed=1).from_step(0), 7)
    shown = [key for batch in batches for key in batch.keys]
    assert sorted(shown) == sorted([*split.keys] * 2)


def test_a_batch_may_be_larger_than_the_data_set(make):
    batch = Loader(make(train=4).split("train"), batch=12, seed=0)[0]
    assert all(batch.keys.count(f"train/{number:04d}") == 3 for number in range(4))


@pytest.mark.parametrize("load_size", [None, (16, 13)])
def test_a_loader_that_starts_at_a_step_goes_on_as_one_that_came_there(make, load_size):
    split = make(load_size=load_size).split("train")
    came = list(islice(Loader(split, batch=4, seed=2).from_step(0), 20))
    started = list(islice(Loader(split, batch=4, seed=2).from_step(13), 7))
    assert all(equal(one, other) for one, other in zip(came[13:], started, strict=True))


@pytest.mark.parametrize("load_size", [None, (16, 13)])
def test_the_parts_of_a_batch_joined_are_the_batch_of_one_process(make, load_size):
    split = make(load_size=load_size).split("train")
    for step in (0, 3, 11):
        whole = Loader(split, batch=8, seed=3)[step]
        parts = [Loader(split, batch=8, seed=3, rank=part, world_size=4)[step] for part in range(4)]
        for name in ("image", "labels", "instances"):
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
        assert sum((part.keys for part in parts), ()) == whole.keys
        assert {part.shares for part in parts} == {4}


@pytest.mark.parametrize("load_size", [None, (16, 13)])
def test_worker_processes_give_what_the_thread_gives(make, load_size):
    split = make(encoding="png", load_size=load_size).split("train")
    thread = islice(Loader(split, batch=4, seed=6).from_step(5), 4)
    processes = islice(Loader(split, batch=4, seed=6, workers=2).from_step(5), 4)
    assert all(equal(one, other) for one, other in zip(thread, processes, strict=True))


def test_some_pictures_are_mirrored_together_with_their_maps(make):
    split = make().split("train")
    plain, mirrored = (Loader(split, batch=16, seed=7, flip=flip)[2] for flip in (False, True))
    turned = [not torch.equal(one, other) for one, other in zip(plain.image, mirrored.image, strict=True)]
    assert 0 < sum(turned) < 16
    for number, is_turned in enumerate(turned):
        for name in ("image", "labels", "instances"):
            before, after = getattr(plain, name)[number], getattr(mirrored, name)[number]
            assert torch.equal(after, before.flip(-1) if is_turned else before)


def test_a_sample_is_not_always_mirrored(make):
    loader = Loader(make(train=1).split("train"), batch=64, seed=0)
    assert len(loader[0].image.unique(dim=0)) == 2


def test_another_seed_gives_another_order(make):
    split = make().split("train")
    assert Loader(split, batch=8, seed=0)[0].keys != Loader(split, batch=8, seed=1)[0].keys


def test_a_fault_in_the_thread_reaches_the_one_who_waits(make, monkeypatch):
    loader = Loader(make().split("train"), batch=8, seed=0)
    monkeypatch.setattr(loader, "_split", None)
    with pytest.raises(TypeError, match="NoneType"):
        next(loader.from_step(0))


def test_a_batch_that_cannot_be_shared_says_what_can(make):
    with pytest.raises(ParamsError, match="a batch of 6 cannot be shared by 4 processes; take a multiple of 4"):
        Loader(make().split("train"), batch=6, seed=0, world_size=4)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("load_size", [None, (16, 13)])
def test_batches_that_are_finished_where_they_are_sent_are_the_same_to_the_bit(make, load_size, workers):
    split = make(load_size=load_size).split("train")
    for late, whole in zip(
        islice(Loader(split, batch=4, seed=3, late=True, workers=workers).from_step(2), 3),
        islice(Loader(split, batch=4, seed=3).from_step(2), 3),
        strict=True,
    ):
        assert equal(late.to("cpu"), whole)
        assert late.image.dtype == torch.uint8
