"""Colours for classes whose data set names none."""

Colour = tuple[int, int, int]


def made_up(number: int) -> Colour:
    """Return the colour that PASCAL VOC's palette has at a place: the bits of the number, dealt to red, green, blue."""
    colour = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            colour[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
    return colour[0], colour[1], colour[2]
