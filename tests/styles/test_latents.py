import pytest
import torch

from smis.styles.latents import gather, interpolate, match_classes, match_slots

OURS = torch.tensor([[0, 5, 5, 7, -1]])
THEIRS = torch.tensor([[0, 7, 5, 3, 5]])


def test_parts_of_one_number_belong_together_if_they_are_of_one_class() -> None:
    assert match_slots(OURS, THEIRS).tolist() == [[0, -1, 2, -1, 4]]


def test_the_first_of_a_class_belongs_to_the_first_and_the_second_to_the_second() -> None:
    assert match_classes(OURS, THEIRS).tolist() == [[0, 2, 4, 1, 4]]


def test_where_there_are_too_few_of_a_class_they_serve_again_only_if_asked_to() -> None:
    few = torch.tensor([[5, 0, -1, -1, -1]])
    assert match_classes(OURS, few).tolist() == [[1, 0, -1, -1, 4]]
    assert match_classes(OURS, few, cycle=True).tolist() == [[1, 0, 0, -1, 4]]


def test_codes_are_taken_from_partners() -> None:
    codes = torch.arange(5.0).view(1, 5, 1)
    assert gather(codes, torch.tensor([[4, 3, 0, 0, 1]])).flatten().tolist() == [4, 3, 0, 0, 1]


@pytest.mark.parametrize("spherical", [True, False])
def test_both_ends_are_met_exactly(spherical: bool) -> None:
    ours, theirs = torch.randn(2, 3, 4, 2), torch.randn(2, 3, 4, 2)
    weights = torch.tensor([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]])
    mixed = interpolate(ours, theirs, weights, spherical=spherical)
    assert torch.equal(mixed[0, 0], ours[0, 0])
    assert torch.equal(mixed[0, 1], theirs[0, 1])
    assert torch.equal(mixed[1, 0], theirs[1, 0])
    assert not torch.equal(mixed[:, 2], ours[:, 2])


def test_on_the_sphere_the_length_goes_evenly_from_one_to_the_other_and_the_angle_too() -> None:
    ours, theirs = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    third = interpolate(ours, theirs, torch.tensor([1 / 3]), spherical=True)
    assert third.norm().item() == pytest.approx(3 - 2 / 3)
    assert torch.rad2deg(torch.atan2(third[0, 1], third[0, 0])).item() == pytest.approx(30)
    straight = interpolate(ours, theirs, torch.tensor([0.5]), spherical=False)
    assert straight.tolist() == [[1.5, 0.5]]


@pytest.mark.parametrize("theirs", [[2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_codes_that_are_parallel_opposite_or_zero_take_the_straight_way(theirs: list[float]) -> None:
    middle = interpolate(torch.tensor([[1.0, 0.0]]), torch.tensor([theirs]), torch.tensor([0.5]), spherical=True)
    assert middle.tolist() == [[(1 + theirs[0]) / 2, 0]]
