"""Distance between two Gaussians, and how far it would move if other images had been drawn.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium" (NeurIPS 2017),
Eq. 6. Everything here is float64.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from smis.metrics.gaussian import Covariance, Statistics, Vectors

_NOTHING = 1e-10
"""An eigenvalue of a smaller share of the largest is round-off."""


def frechet_distance(first: Statistics, second: Statistics) -> float:
    """Return |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½), never negative, also where a covariance is singular.

    With S1 = A Aᵀ, the product S1 S2 has the eigenvalues of the symmetric Aᵀ S2 A: no general square root is needed,
    and nothing turns complex.
    """
    root = _factor(first.covariance)
    cross = _root_trace(root.T @ second.covariance @ root)
    apart = (first.mean - second.mean).square().sum()
    return _never_negative((apart + first.covariance.trace() + second.covariance.trace() - 2 * cross).item())


def _never_negative(distance: float) -> float:
    """Round-off may fall below 0; NaN stays NaN, which `max` would make a perfect 0."""
    return 0.0 if distance <= 0 else distance


def _factor(covariance: Covariance) -> Covariance:
    """Return A with A Aᵀ = S: Cholesky's, or from eigenvectors where S is singular."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return factor
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()


def _root_trace(symmetric: Float64[Tensor, "n n"]) -> Float64[Tensor, ""]:
    return torch.linalg.eigvalsh((symmetric + symmetric.T) / 2).clamp(min=0).sqrt().sum()


def expansion(reference: Statistics, drawn: Statistics, vectors: Vectors) -> tuple[float, Float64[Tensor, " n"]]:
    """Return the distance, and how much it changes as an image's share grows, for each image; changes have the mean 0.

    The first term of the functional's expansion (Hampel, "The influence curve and its role in robust estimation", JASA
    1974): with T = A (Aᵀ S A)^-½ Aᵀ, reference S_r = A Aᵀ, it is 2 (m - m_r)ᵀ(x - m) + (x - m)ᵀ(I - T)(x - m). A
    resample stays in the span of the images, so that a singular S is inverted there. `vectors` may be a part of those
    that `drawn` was made of.
    """
    root = _factor(reference.covariance)
    values, axes = torch.linalg.eigh(root.T @ drawn.covariance @ root)
    kept = values > _NOTHING * values[-1]
    transported = ((vectors - drawn.mean) @ (root @ axes[:, kept] * values[kept] ** -0.25)).square().sum(dim=1)
    return _expansion(reference, drawn, vectors, cross=values.clamp(min=0).sqrt().sum(), transported=transported)


def expansion_of_few(reference: Statistics, drawn: Statistics, vectors: Vectors) -> tuple[float, Float64[Tensor, " n"]]:
    """Return the same for n images in d > n dimensions, all of them given, from products between images.

    With X the centerd images, X S_r Xᵀ / (n - 1) = U L Uᵀ has the eigenvalues of Aᵀ S A, and
    (x_i - m)ᵀ T (x_i - m) = (n - 1) sum_k U_ik² L_k^½.
    """
    centerd = vectors - drawn.mean
    degrees = len(vectors) - 1
    values, axes = torch.linalg.eigh(centerd @ reference.covariance @ centerd.T / degrees)
    roots = values.clamp(min=0).sqrt()
    return _expansion(reference, drawn, vectors, cross=roots.sum(), transported=degrees * axes.square() @ roots)


def _expansion(
    reference: Statistics,
    drawn: Statistics,
    vectors: Vectors,
    *,
    cross: Float64[Tensor, ""],
    transported: Float64[Tensor, " n"],
) -> tuple[float, Float64[Tensor, " n"]]:
    apart, centerd = drawn.mean - reference.mean, vectors - drawn.mean
    distance = apart.square().sum() + reference.covariance.trace() + drawn.covariance.trace() - 2 * cross
    change = 2 * centerd @ apart + centerd.square().sum(dim=1) - transported
    return _never_negative(distance.item()), change - change.mean()
