import json

import numpy as np
import pytest

from smis.core.errors import ParamsError
from smis.metrics.human import SemanticEvaluation, Vote, VoteBootstrap, careless, fleiss_kappa, share, wilson
from smis.metrics.image.result import Bootstrap


@pytest.mark.parametrize(
    ("yes", "votes", "expected"),
    # Newcombe (Statistics in Medicine 1998), Table I, method 3
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_wilsons_interval_is_the_published_one(yes: int, votes: int, expected: tuple[float, float]) -> None:
    assert wilson(yes, votes) == pytest.approx(expected, abs=5e-5)


def test_a_share_of_no_votes_is_refused() -> None:
    with pytest.raises(ParamsError, match="there is no vote"):
        wilson(0, 0)


def test_fleiss_kappa_is_that_of_the_worked_example() -> None:
    # 10 subjects, 14 raters, 5 categories: kappa 0.210
    counts = [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]]
    counts += [[7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
    assert fleiss_kappa(np.array(counts)) == pytest.approx(0.210, abs=5e-4)


def test_whole_agreement_is_1_and_one_answer_alone_says_nothing() -> None:
    assert fleiss_kappa(np.array([[3, 0], [0, 3]])) == 1
    assert np.isnan(fleiss_kappa(np.array([[3, 0], [3, 0]])))
    assert np.isnan(fleiss_kappa(np.array([[1, 0], [0, 1]])))


def votes(volunteer: str, answers: str, caught: str = "") -> list[Vote]:
    real = [Vote(volunteer, f"pair {n}", answer == "y") for n, answer in enumerate(answers)]
    return real + [Vote(volunteer, f"catch {n}", answer == "y", catch="identical") for n, answer in enumerate(caught)]


def test_the_share_is_of_those_who_look() -> None:
    found = SemanticEvaluation()
    found.update(votes("ann", "yyyn", "nnnnn") + votes("bob", "yyny", "nnnny") + votes("eve", "yyyy", "yynnn"))
    result = found.compute()
    assert found.careless() == {"eve"}
    assert (result.name, result.value) == ("SHE", 75)
    assert result.interval == pytest.approx([100 * bound for bound in wilson(6, 8)])
    facts = {"volunteers": 2, "pairs": 4, "votes": 8, "left_out": 1}
    assert facts.items() <= result.protocol.items()
    json.dumps(result.to_json(), allow_nan=False)


def test_merged_parts_give_what_one_process_gives() -> None:
    one, first, second = (SemanticEvaluation() for _ in range(3))
    one.update(votes("ann", "yyn") + votes("bob", "yny"))
    first.update(votes("ann", "yyn"))
    second.update(votes("bob", "yny"))
    second.merge(first)
    assert second.compute() == one.compute()


def test_a_volunteer_may_fail_the_allowed_share_of_catch_pairs_and_no_more() -> None:
    answers = [("ann", n < 1) for n in range(5)] + [("eve", n < 2) for n in range(5)]
    assert careless(answers) == {"eve"}
    assert careless(answers, failures_allowed=0.4) == set()
    assert careless(answers, failures_allowed=0.0) == {"ann", "eve"}


def test_a_vote_counts_as_often_as_its_volunteer_times_as_often_as_its_label_map() -> None:
    bootstrap = Bootstrap(5000, seed=3)
    resamples = VoteBootstrap(["ann", "bob", "cem"], ["m1", "m2"], bootstrap)
    everything = [(who, where) for who in ("ann", "bob", "cem") for where in ("m1", "m2")]
    assert (resamples.sums(everything) == 6).all()
    maps = bootstrap.counts(2)
    assert (resamples.sums([(who, "m1") for who in ("ann", "bob", "cem")]) == 3 * maps[:, 0]).all()
    # Var(n m) of independent multinomials, n of 3 volunteers (2/3), m of 2 maps (1/2): (1 + 2/3) (1 + 1/2) - 1
    one = resamples.sums([("ann", "m2")])
    assert one.mean() == pytest.approx(1, abs=0.05)
    assert one.var() == pytest.approx(1.5, abs=0.15)


def test_the_interval_of_one_volunteer_is_unknown() -> None:
    resamples = VoteBootstrap(["ann"], ["m1", "m2"], Bootstrap(10))
    draws = share(resamples.sums([("ann", "m1")]), resamples.sums([("ann", "m1"), ("ann", "m2")]))
    result = resamples.result("SHE", 50.0, draws, protocol={})
    assert np.isnan(result.interval).all()
    assert result.protocol["interval"] == "unknown: it takes several volunteers and several label maps"


def test_nobody_cannot_be_resampled() -> None:
    with pytest.raises(ParamsError, match="nothing to resample"):
        VoteBootstrap([], ["m1"], Bootstrap(10))
