import torch
from torch import nn

from smis.training import reduction


def test_pieces_hold_every_parameter_once_and_the_last_come_first() -> None:
    parameters = [nn.Parameter(torch.zeros(size)) for size in (3_000_000, 10, 5_000_000, 20, 9_000_000)]
    pieces = reduction._pieces(parameters, 4)
    assert [place for piece in reversed(pieces) for place in range(*piece)] == [0, 1, 2, 3, 4]
    sizes = [4 * sum(parameters[place].numel() for place in range(*piece)) for piece in pieces]
    assert all(size >= reduction._BUCKET for size in sizes[:-1])
    assert pieces[0] == (4, 5)


def test_a_small_network_is_one_piece() -> None:
    assert reduction._pieces([nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2))], 4) == [(0, 2)]
