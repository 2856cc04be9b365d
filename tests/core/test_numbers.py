from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smis.core.errors import ImageError, LabelError, ParamsError, SmisError, shown
from smis.core.images import validate_images
from smis.core.numbers import listed, scalar, whole, whole_seed
from smis.core.sample import validate_maps

NUMBERS = st.integers() | st.floats() | st.booleans() | st.complex_numbers()
DTYPES = st.sampled_from([torch.uint8, torch.int64, torch.bool, torch.float16, torch.float32, torch.complex64])
TENSORS = st.builds(
    lambda shape, dtype, value: torch.full(shape, value).to(dtype),
    st.lists(st.integers(0, 4), max_size=5).map(tuple),
    DTYPES,
    st.sampled_from([0.0, 0.5, 1.0, -1.0, 2.0, 255.0, float("nan"), float("inf")]),
)
JUNK: Any = st.recursive(
    st.none() | NUMBERS | st.text() | st.binary() | TENSORS | TENSORS.map(torch.Tensor.numpy),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2) | st.sets(st.integers()),
)


@pytest.mark.parametrize("seven", [7, np.int64(7), np.uint8(7), np.array(7), torch.tensor(7), torch.tensor(7).byte()])
def test_seven_is_seven(seven: object) -> None:
    number = whole(seven, "samples", low=7, high=7)
    assert number == 7
    assert type(number) is int


def refused(read: Callable[[], Any], error: type[SmisError]) -> Any:
    """Return what `read` returns, or None if it refuses with a short line."""
    try:
        return read()
    except error as refusal:
        text = str(refusal)
    assert "\n" not in text
    assert len(text) < 300
    return None


@given(JUNK)
def test_anything_is_a_number_or_a_sentence(value: object) -> None:
    for read in (lambda: whole(value, "samples", low=1), lambda: whole_seed(value)):
        number = refused(read, ParamsError)
        assert number is None or (type(number) is int and number == scalar(value) and 0 <= number < 2**64)


@given(JUNK)
def test_anything_is_a_list_or_a_sentence(value: object) -> None:
    items = refused(lambda: listed(value, "classes", of="names"), ParamsError)
    assert items is None or (isinstance(items, list) and len(items) > 0)


@given(JUNK)
def test_anything_is_images_or_a_sentence(value: object) -> None:
    image = refused(lambda: validate_images(value), ImageError)
    assert image is None or (image.dtype == torch.float32 and image.shape[1] == 3 and float(image.abs().max()) <= 1.01)


@given(JUNK)
def test_anything_is_maps_or_a_sentence(value: object) -> None:
    ids = refused(lambda: validate_maps(value, name="truth"), LabelError)
    assert ids is None or (ids.dtype == torch.int64 and ids.dim() == 3)


@given(JUNK)
def test_anything_is_shown_on_one_short_line(value: object) -> None:
    text = shown(value)
    assert "\n" not in text
    assert len(text) < 200


def test_the_error_is_the_callers() -> None:
    with pytest.raises(SmisError, match="times is 'two'; give a whole number from 1 to 9"):
        whole("two", "times", low=1, high=9)
    with pytest.raises(LabelError, match=r"ids is \(2,\) of float32"):
        whole(torch.zeros(2), "ids", error=LabelError)
