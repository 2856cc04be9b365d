"""Colors for classes whose data set names none."""

Color = tuple[int, int, int]


def distinct_colors(count: int) -> tuple[Color, ...]:
    """Return as many different colors (RGB, 0 to 255) as asked for, up to 256; the first is black.

    The rule of the PASCAL VOC challenge: the bits of the number, from the lowest on, are dealt out to red, green and
    blue, from the highest on.
    """
    return tuple(_color(number) for number in range(count))


def _color(number: int) -> Color:
    red, green, blue = (
        sum((number >> 3 * place + channel & 1) << 7 - place for place in range(3)) for channel in range(3)
    )
    return red, green, blue
