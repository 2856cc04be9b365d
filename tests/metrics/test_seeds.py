"""Results over seeds, against an analysis of variance by hand, scipy's t-tests, and what is simulated."""

import numpy as np
import pytest
import scipy.stats
from numpy import ndarray

from smis.core.errors import ParamsError, ProtocolError
from smis.metrics.image.result import Bootstrap, Result
from smis.metrics.multiple_comparisons import holm
from smis.metrics.seeds import compare_seeds, mean_result, summarize

BOOTSTRAP = Bootstrap(4000)
MAPS = 60


def results(table: ndarray, *, bootstrap: Bootstrap = BOOTSTRAP, **protocol: object) -> dict[int, Result]:
    """One result per row: the means of a table of seeds x label maps."""
    named = {"label_maps": table.shape[1], "keys": "0123abcd", **protocol}
    return {
        seed: Result.drawn("d", float(row.mean()), draws=bootstrap.means(row), protocol=named)
        for seed, row in enumerate(table)
    }


def crossed(
    numbers: np.random.Generator, *, seeds: int = 3, maps: int = MAPS, seed: float, of_map: float, rest: float
) -> ndarray:
    """Draw seeds x label maps of crossed effects with these standard deviations."""
    return (
        numbers.normal(0, seed, (seeds, 1))
        + numbers.normal(0, of_map, (1, maps))
        + numbers.normal(0, rest, (seeds, maps))
    )


def test_mean_and_standard_deviation_are_those_over_seeds() -> None:
    summary = summarize(results(np.array([[1.0, 3.0], [2.0, 4.0], [6.0, 8.0]])))
    assert dict(summary.values) == {0: 2.0, 1: 3.0, 2: 7.0}
    assert summary.mean == pytest.approx(4)
    assert summary.std == pytest.approx(np.std([2, 3, 7], ddof=1))


def test_one_seed_has_no_standard_deviation_and_is_its_own_mean() -> None:
    one = results(np.ones((1, 5)))
    assert (summarize(one).std, summarize(one).dominant) == (None, None)
    assert mean_result(one) is one[0]


def test_the_interval_of_the_mean_is_that_of_the_means_of_each_label_map() -> None:
    table = crossed(np.random.default_rng(0), seed=2, of_map=1, rest=0.5)
    draws = BOOTSTRAP.means(table.mean(axis=0))
    mean = mean_result(results(table))
    assert mean.value == pytest.approx(table.mean())
    assert mean.interval == pytest.approx(tuple(np.percentile(draws, (2.5, 97.5))))


def test_the_share_of_seeds_is_that_of_an_analysis_of_variance() -> None:
    table = crossed(np.random.default_rng(1), seeds=5, seed=0.2, of_map=1, rest=1)
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    residual = table - rows[:, None] - columns + table.mean()
    rest = (residual**2).sum() / (4 * (MAPS - 1))
    between = rows.var(ddof=1) - rest / MAPS
    within = (columns.var(ddof=1) - rest / 5 + rest) / MAPS
    assert summarize(results(table)).seed_share == pytest.approx(between / (between + within), rel=0.05)


@pytest.mark.parametrize(("seed", "of_map", "dominant"), [(2.0, 1.0, "seeds"), (0.01, 3.0, "label maps")])
def test_what_dominates_is_what_was_put_in(seed: float, of_map: float, dominant: str) -> None:
    table = crossed(np.random.default_rng(2), seed=seed, of_map=of_map, rest=0.1)
    assert summarize(results(table)).dominant == dominant


def test_without_resamples_nothing_is_said_of_what_dominates() -> None:
    summary = summarize({seed: Result("d", float(seed), (0, 1)) for seed in range(2)})
    assert (summary.mean, summary.seed_share, summary.dominant) == (0.5, None, None)


def test_where_label_maps_make_no_difference_it_is_the_t_test_over_seeds() -> None:
    first, second = np.array([3.0, 4.0, 6.5, 5.0]), np.array([2.0, 2.5, 3.0, 4.5])
    compared = compare_seeds(*(results(np.repeat(each[:, None], 4, axis=1)) for each in (first, second)))
    expected = scipy.stats.ttest_rel(first, second)
    assert compared is not None
    assert (compared.p_value, compared.degrees) == pytest.approx((expected.pvalue, 3))
    assert compared.interval == pytest.approx(tuple(expected.confidence_interval()))


def test_where_seeds_make_no_difference_it_is_the_t_test_over_label_maps() -> None:
    numbers = np.random.default_rng(3)
    first, second = numbers.normal(0.2, 1, MAPS), numbers.normal(0, 1, MAPS)
    compared = compare_seeds(*(results(np.repeat(each[None], 3, axis=0)) for each in (first, second)))
    expected = scipy.stats.ttest_rel(first, second)
    assert compared is not None
    assert compared.degrees == pytest.approx(MAPS - 1)
    assert compared.p_value == pytest.approx(expected.pvalue, rel=0.05)


def test_the_variance_is_that_of_an_analysis_of_variance_with_satterthwaites_degrees() -> None:
    table = crossed(np.random.default_rng(4), seeds=4, seed=0.3, of_map=1.5, rest=1)
    compared = compare_seeds(results(table), results(np.zeros_like(table)))
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    residual = table - rows[:, None] - columns + table.mean()
    squares = np.array([MAPS * rows.var(ddof=1), 4 * columns.var(ddof=1), (residual**2).sum() / (3 * (MAPS - 1))])
    variance = (squares[0] + squares[1] - squares[2]) / table.size
    degrees = (variance * table.size) ** 2 / (squares**2 / [3, MAPS - 1, 3 * (MAPS - 1)]).sum()
    assert compared is not None
    assert compared.degrees == pytest.approx(degrees, rel=0.1)
    reach = scipy.stats.t.ppf(0.975, degrees) * np.sqrt(variance)
    assert compared.interval == pytest.approx((table.mean() - reach, table.mean() + reach), rel=0.1)


@pytest.mark.parametrize(("seed", "of_map"), [(1.0, 0.5), (0.1, 2.0), (0.3, 2.0)])
def test_systems_that_do_not_differ_are_told_apart_in_about_five_of_a_hundred_cases(seed: float, of_map: float) -> None:
    numbers, bootstrap, cases = np.random.default_rng(5), Bootstrap(200), 300
    nothing = results(np.zeros((3, 20)), bootstrap=bootstrap)
    tables = (crossed(numbers, maps=20, seed=seed, of_map=of_map, rest=0.3) for _ in range(cases))
    compared = [compare_seeds(results(table, bootstrap=bootstrap), nothing) for table in tables]
    wrong = sum(each is not None and each.p_value < 0.05 for each in compared) / cases
    assert 0.01 <= wrong <= 0.09


def test_only_common_seeds_are_compared_and_one_is_too_few() -> None:
    table = crossed(np.random.default_rng(6), seeds=4, seed=1, of_map=1, rest=1)
    every, some = results(table), results(table + 1)
    compared = compare_seeds(every, {seed: some[seed] for seed in (1, 3)})
    assert compared is not None
    assert (compared.seeds, compared.difference) == (2, pytest.approx(-1))
    assert compare_seeds(every, {1: some[1]}) is None


def test_systems_that_are_the_same_do_not_differ() -> None:
    table = crossed(np.random.default_rng(7), seed=1, of_map=1, rest=1)
    compared = compare_seeds(results(table), results(table))
    assert compared is not None
    assert (compared.difference, compared.p_value) == (0, 1)


def test_results_of_different_protocols_are_neither_averaged_nor_compared() -> None:
    one, other = results(np.ones((2, 5)), samples=4), results(np.ones((2, 5)), samples=8)
    with pytest.raises(ProtocolError, match=r"several seeds cannot be compared, .* samples is 4 and 8"):
        summarize({0: one[0], 1: other[1]})
    with pytest.raises(ProtocolError, match="samples is 4 and 8"):
        compare_seeds(one, other)
    with pytest.raises(ProtocolError, match="has no resamples over label maps"):
        compare_seeds(*({seed: Result("d", 1.0, (0, 1)) for seed in range(2)} for _ in range(2)))
    with pytest.raises(ParamsError, match="there are no results of any seed"):
        summarize({})


def test_holm_is_the_worked_example_of_a_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    with pytest.raises(ParamsError, match=r"a p-value is 1\.2; give numbers from 0 to 1"):
        holm([1.2])


def test_holm_lies_between_no_correction_and_bonferronis() -> None:
    values = np.random.default_rng(8).random(20) ** 3
    adjusted = np.array(holm(list(values)))
    assert (adjusted >= values).all()
    assert (adjusted <= np.minimum(1, 20 * values)).all()
    assert (np.argsort(adjusted, kind="stable")[:3] == np.argsort(values, kind="stable")[:3]).all()
