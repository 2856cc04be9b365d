"""The results of every system with every seed: their means, and whether systems differ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from smis.metrics.image.result import Result
from smis.metrics.multiple_comparisons import holm
from smis.metrics.seeds import SeedComparison, SeedSummary, compare_seeds, mean_result, summarize

Results = Mapping[str, Result]
"""The results of one system by metric."""


@dataclass(frozen=True)
class SeededResults:
    """The results by system, then by seed."""

    by_system: Mapping[str, Mapping[int, Results]]

    @property
    def seeds(self) -> list[int]:
        """Every seed that some system was measured with."""
        return sorted({seed for by_seed in self.by_system.values() for seed in by_seed})

    @cached_property
    def means(self) -> dict[str, Results]:
        """The mean over seeds of each metric, by system; with one seed, its results."""
        return {
            system: {name: mean_result(self._by_seed(system, name)) for name in self._names(system)}
            for system in self.by_system
        }

    def summary(self, system: str, name: str) -> SeedSummary | None:
        """Return what seeds do to a metric; None if it was not measured."""
        by_seed = self._by_seed(system, name)
        return summarize(by_seed) if by_seed else None

    def compare(self, name: str, systems: Iterable[str], reference: str) -> dict[str, SeedComparison]:
        """Compare systems with one of them; the p-values are corrected by Holm's method for their number.

        A system is left out that has fewer than two seeds in common with the reference, or no resamples.
        """
        others = [system for system in systems if system != reference and self._is_resampled(system, name)]
        if not self._is_resampled(reference, name):
            return {}
        tests = {
            other: test
            for other in others
            if (test := compare_seeds(self._by_seed(other, name), self._by_seed(reference, name))) is not None
        }
        adjusted = holm([test.p_value for test in tests.values()])
        return {other: replace(tests[other], p_value=value) for other, value in zip(tests, adjusted, strict=True)}

    def _names(self, system: str) -> dict[str, None]:
        return {name: None for results in self.by_system[system].values() for name in results}

    def _by_seed(self, system: str, name: str) -> dict[int, Result]:
        return {seed: results[name] for seed, results in self.by_system[system].items() if name in results}

    def _is_resampled(self, system: str, name: str) -> bool:
        by_seed = self._by_seed(system, name)
        return bool(by_seed) and all(result.draws is not None for result in by_seed.values())
