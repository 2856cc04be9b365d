"""Colours for classes whose data set names none."""

Colour = tuple[int, int, int]


def distinct_colours(count: int) -> tuple[Colour, ...]:
    """Return as many different colours (RGB, 0 to 255) as asked for, up to 256; the first is black.

    The rule of the PASCAL VOC challenge: the bits of the number, from the lowest on, are dealt out to red, green and
    blue, from the highest on.
    """
    return tuple(_colour(number) for number in range(count))


def _colour(number: int) -> Colour:
    red, green, blue = (
        sum((number >> 3 * place + channel & 1) << 7 - place for place in range(3)) for channel in range(3)
    )
    return red, green, blue
