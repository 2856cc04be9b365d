"""Colors for classes whose data set names none."""

Color = tuple[int, int, int]


def made_up(number: int) -> Color:
    """Return the color that PASCAL VOC's palette has at a place: the bits of the number, dealt to red, green, blue."""
    color = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            color[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
    return color[0], color[1], color[2]
