"""What can be done with the styles of a system, and the reason where something cannot."""

from typing import Literal

from smis.models.system_registry import SYSTEMS
from smis.styles.latents import PARTS

Ability = Literal["resample everything", "resample class", "resample instance", "encode", "mix", "morph", "copy"]

_SUPPORT = {
    "nothing": "makes one image of a label map and has no style",
    "global": "has one latent for the whole image",
    "class": "has one latent for each class",
    "instance": "has one latent for each instance",
}
_PLURALS = {"class": "classes", "instance": "instances", "global": "the whole image"}
_OPERATIONS: dict[Ability, tuple[tuple[str, ...], str]] = {
    "resample everything": ((*PARTS, "global"), "resample it"),
    "resample class": ((*PARTS,), "resample a class"),
    "resample instance": (("instance",), "resample an instance"),
    "mix": ((*PARTS,), "mix classes"),
    "morph": ((*PARTS, "global"), "morph it"),
    "copy": ((*PARTS,), "copy a part of it"),
}
"""For each operation, what a system has to vary, and the operation in words."""


def reason_against(operation: Ability, *, title: str, varies: str) -> str | None:
    """Return why a system cannot do an operation on its styles, with the systems that can; None if it can.

    Args:
        operation: Any but `encode`, which depends on the checkpoint too.
        title: The system's name in messages.
        varies: What has a latent of its own: "nothing", "global", "class" or "instance".

    Example:
        >>> reason_against("mix", title="INADE", varies="instance") is None
        True
        >>> reason_against("morph", title="SPADE", varies="nothing").partition(";")[0]
        'SPADE makes one image of a label map and has no style, so it cannot morph it'
    """
    kinds, words = _OPERATIONS[operation]
    if varies in kinds:
        return None
    systems = {kind: [name for name in sorted(SYSTEMS) if SYSTEMS.load(name).varies == kind] for kind in kinds}
    supporting = "; ".join(f"{_PLURALS[kind]}: {', '.join(names)}" for kind, names in systems.items())
    return f"{title} {_SUPPORT[varies]}, so it cannot {words}; systems that vary {supporting}"


def reason_against_encoding(*, title: str, encoder: bool, left_out: bool) -> str | None:
    """Return why a checkpoint cannot encode photographs; None if it can.

    Args:
        title: The system's name in messages.
        encoder: Whether the system has one.
        left_out: Whether its weights were not imported.
    """
    if left_out:
        return (
            f"this checkpoint of {title} has no encoder's weights; import it again with --encoder FILE, or "
            "sample a style: synth.sample(labels)"
        )
    if not encoder:
        return f"{title} has no encoder, so it cannot encode a photograph; sample a style: synth.sample(labels)"
    return None


def reason_against_sampling(*, title: str, can_sample: bool) -> str | None:
    """Return why a checkpoint cannot sample styles; None if it can.

    Args:
        title: The system's name in messages.
        can_sample: False for a system without a prior, if it has no codes of training images either (SEAN's release).
    """
    if can_sample:
        return None
    return (
        f"this checkpoint of {title} has no codes of training images, which it samples from; encode an exemplar: "
        "synth.encode(image, labels)"
    )


def all_abilities(
    *, title: str, varies: str, encoding: str | None, sampling: str | None = None
) -> dict[Ability, str | None]:
    """Return for each operation None, or why it cannot be done.

    Args:
        title: The system's name in messages.
        varies: What has a latent of its own.
        encoding: The reason against `encode`.
        sampling: The reason against samples, and so against resampling.
    """
    reasons: dict[Ability, str | None] = {
        operation: reason_against(operation, title=title, varies=varies)
        or (sampling if operation.startswith("resample") else None)
        for operation in _OPERATIONS
    }
    return {**reasons, "encode": encoding}
