"""What an architecture that halves images asks of their size."""

from smis.core.errors import ParamsError


def check_halvings(height: int, width: int, *, halvings: int, least: int, remedy: str) -> None:
    """Check that both sides can be halved so many times, and are then at least `least` pixels.

    Raises:
        ParamsError: if one cannot; `remedy` names the key that sets the halvings.
    """
    factor = 2**halvings
    if height % factor or width % factor or min(height, width) < least * factor:
        raise ParamsError(
            f"an image of {height} x {width} cannot be halved {halvings} times: both sides must be multiples of "
            f"{factor}, and at least {least * factor}; set the system's `{remedy}` or the data set's size"
        )
