import torch

from smis.core.style import Style


def _zeros_and_ones(**codes: tuple[int, ...]) -> tuple[Style, Style]:
    zeros = {name: torch.zeros(shape) for name, shape in codes.items()}
    ones = {name: torch.ones(shape) for name, shape in codes.items()}
    return Style(**zeros), Style(**ones)


def test_class_codes_change_for_the_chosen_classes_only() -> None:
    ours, theirs = _zeros_and_ones(classes=(2, 4, 3, 1, 1))
    mixed = ours.replaced(theirs, classes=[1, 3])
    assert mixed.classes is not None
    assert mixed.classes.amax(dim=(0, 2, 3, 4)).tolist() == [0, 1, 0, 1]


def test_instances_follow_their_class_and_empty_slots_stay() -> None:
    ours, theirs = _zeros_and_ones(instances=(1, 4, 2), global_latent=(1, 3))
    classes = torch.tensor([[0, 5, 5, -1]])
    ours, theirs = (Style(s.global_latent, None, s.instances, classes) for s in (ours, theirs))
    mixed = ours.replaced(theirs, classes=[5])
    assert mixed.instances is not None
    assert mixed.instances[0, :, 0].tolist() == [0, 1, 1, 0]
    assert mixed.global_latent is ours.global_latent
    one = ours.replaced(theirs, instances=[2])
    assert one.instances is not None
    assert one.instances[0, :, 0].tolist() == [0, 0, 1, 0]


def test_a_code_for_everything_is_replaced_as_a_whole() -> None:
    ours, theirs = _zeros_and_ones(global_latent=(1, 3))
    assert ours.replaced(theirs, classes=[2]).global_latent is theirs.global_latent


def test_codes_repeat_picture_by_picture() -> None:
    repeated = Style(global_latent=torch.tensor([[1.0], [2.0]])).repeated(2)
    assert repeated.global_latent is not None
    assert repeated.global_latent[:, 0].tolist() == [1, 1, 2, 2]
