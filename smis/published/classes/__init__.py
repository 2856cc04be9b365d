"""Names of the classes of the data sets that systems were published on, as each numbers them."""


def listed(text: str) -> tuple[str, ...]:
    """Split a text at its commas."""
    return tuple(" ".join(name.split()) for name in text.split(","))
