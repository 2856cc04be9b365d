"""A researcher's hour in a browser: a form, a sweep that finishes, its comparison in MLflow, one that is cancelled."""

from collections.abc import Sequence

import psutil
import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

from tests.flows.api import alive, ask
from tests.flows.workspaces import wait_for
from tests.services.browser.chromium import Field, choose_axis, choose_metrics, photograph
from tests.services.browser.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RATE = "train.lr_generator"
RATES = ("0.0005", "0.001", "0.002")
RUNS = [f"rates {number}: vspade, lr_generator {rate}, seed 0" for number, rate in enumerate(RATES)]
TRAINING_S = 600


def open_form(page: Page, project: Project, deployment: str) -> None:
    page.goto(f"{project.prefect}/deployments")
    page.get_by_role("link", name=deployment, exact=True).first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    page.get_by_text("Validate parameters").wait_for()


def fill_in(page: Page, project: Project, *, name: str, path: str, choices: Sequence[str]) -> None:
    open_form(page, project, "sweep")
    page.locator("input[type=text]").first.fill(name)  # the run's name
    Field(page, "Name").write(name)
    objective = Field(page, "Objectives").add()
    Field(objective, "Metric").write("mCSD")
    Field(objective, "Better is").choose("maximize")
    dimension = Field(page, "Space").add()
    Field(dimension, "Parameter").write(path)
    for choice in choices:
        Field(dimension, "Choices").add().locator("textarea").fill(choice)
    Field(page, "Sampler").choose("grid")


def submit(page: Page) -> None:
    page.get_by_role("button", name="Submit").click()


def begun(page: Page, project: Project, *, name: str, path: str, choices: Sequence[str]) -> Locator:
    """Fill in the form and submit it; go to the page of the run that this made, return what it says of its state.

    Again, if nothing was sent or the server refused it: on a busy machine a field that is drawn anew may lose what was
    written into it, and SQLite may be locked for too long.
    """
    refusals = []
    for _ in range(3):
        fill_in(page, project, name=name, path=path, choices=choices)
        try:
            with page.expect_response("**/create_flow_run") as answer:
                submit(page)
        except TimeoutError:
            refusals.append("nothing was sent")
        else:
            if answer.value.ok:
                page.goto(f"{project.prefect}/runs/flow-run/{answer.value.json()['id']}")
                return page.locator(".state-badge").first
            refusals.append(f"{answer.value.status} {answer.value.text()}, sent {answer.value.request.post_data}")
        photograph(page, "prefect-not-sent")
    raise AssertionError(f"no run was made, see prefect-not-sent.png: {refusals}")


@pytest.fixture(scope="module")
def finished(page: Page, project: Project) -> str:
    """Begin a sweep of three trials in the form, and look on until it is over; return the address of its page."""
    state = begun(page, project, name="rates", path=RATE, choices=RATES)
    page.add_style_tag(content="canvas { display: none }")  # a graph that is drawn anew all the time, on a whole core
    expect(state).to_have_text("Completed", timeout=TRAINING_S * 1000)
    return page.url.partition("?")[0]


def trainings(project: Project) -> list[psutil.Process]:
    """Find the processes that train for the sweep: torchrun's, and its worker's."""
    place = str(project.path / ".scratch" / "sweeps" / "endless")
    found = [one for one in psutil.process_iter(["cmdline", "cwd"]) if (one.info["cwd"] or "").startswith(place)]
    return found if sum("pipelines.train" in " ".join(one.info["cmdline"] or []) for one in found) > 1 else []


def open_artifact(page: Page, address: str, key: str) -> None:
    page.goto(address)
    page.get_by_text("Artifacts", exact=True).click()
    page.locator("a[href*=artifact]", has_text=key).first.click()


def follow(page: Page, address: str, words: str) -> None:
    """Go from a sweep's page to MLflow's, by the link with these words."""
    open_artifact(page, address, "mlflow")
    page.goto(page.locator(f"a[href*={words}]").first.get_attribute("href") or "")


@pytest.mark.parametrize(
    ("deployment", "last", "height"), [("experiment", "Concurrent stages", 1000), ("sweep", "Warmup steps", 3800)]
)
def test_every_field_of_the_form_is_explained(
    page: Page, project: Project, deployment: str, last: str, height: int
) -> None:
    open_form(page, project, deployment)
    if deployment == "sweep":
        Field(page, "Objectives").add()
        Field(page, "Space").add()
        Field(page, "Pruner").place.get_by_text("Pruner", exact=True).last.click()
    photograph(page, f"prefect-form-{deployment}", height=height)
    headers = page.locator(".schema-form-property > .p-label__header")
    told = [text.strip().split("\n") for text in headers.all_inner_texts()]
    assert last in {lines[0].removesuffix(" (Optional)") for lines in told}
    assert [lines[0] for lines in told if "_" in lines[0] or len(lines[-1]) < 20] == []


def refused(page: Page, project: Project, told: str) -> None:
    submit(page)
    expect(page.get_by_text(told).first).to_be_visible()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    assert "refused" not in {run["name"] for run in ask(f"{project.prefect}/api", "flow_runs/filter")}


def test_a_value_out_of_range_is_refused_in_the_form(page: Page, project: Project) -> None:
    fill_in(page, project, name="refused", path=RATE, choices=RATES)
    Field(page, "Trials").write("0")
    refused(page, project, "'options.trials'. Failure reason: 0 is less than the minimum of 1")
    photograph(page, "prefect-refused")


def test_a_parameter_without_choices_and_ends_is_refused_in_the_form(page: Page, project: Project) -> None:
    fill_in(page, project, name="refused", path=RATE, choices=[])
    refused(page, project, "'options.space[0]'. Failure reason: 'low' is a required property")
    photograph(page, "prefect-refused-together")


def test_a_sweep_begun_in_the_form_finishes_with_its_summary_on_the_page(page: Page, finished: str) -> None:
    page.goto(finished)
    page.get_by_text("Task Runs", exact=True).click()
    for name in RUNS:
        expect(page.get_by_text(name).first).to_be_visible()
    page.wait_for_timeout(3000)  # the timeline unfolds
    photograph(page, "prefect-finished")
    open_artifact(page, finished, "sweep-rates")
    expect(page.get_by_text("3 finished").first).to_be_visible()
    expect(page.get_by_text("python -m flows.sweep.apply rates")).to_be_visible()
    photograph(page, "prefect-summary")


def test_mlflow_lists_the_trials_the_best_first(page: Page, finished: str) -> None:
    follow(page, finished, "viewStateShareKey")
    expect(page.get_by_text("Sort: mCSD")).to_be_visible()
    for name in RUNS:
        expect(page.get_by_role("link", name=name)).to_be_visible()
    photograph(page, "mlflow-best-first")


def test_mlflow_compares_the_trials(page: Page, finished: str) -> None:
    follow(page, finished, "compare-runs")
    expect(page.get_by_text("Comparing 3 Runs from 1 Experiment")).to_be_visible()
    choose_metrics(page, "mCSD", "fd_stlpips_vgg")
    plot = page.locator(".js-plotly-plot")
    for axis in (RATE, "mCSD", "fd_stlpips_vgg"):
        expect(plot.get_by_text(axis, exact=True)).to_be_visible()
    for name in RUNS:
        expect(page.get_by_text(name).first).to_be_visible()
    photograph(page, "mlflow-parallel-coordinates")
    page.get_by_text("Scatter Plot").click()
    choose_axis(page, "x", RATE)
    choose_axis(page, "y", "mCSD")
    expect(plot.locator(".xtitle")).to_have_text(RATE)
    expect(plot.locator(".ytitle")).to_have_text("mCSD")
    assert sorted(map(float, plot.evaluate("plot => plot.data[0].x"))) == list(map(float, RATES))
    photograph(page, "mlflow-scatter-plot")


def test_a_sweep_is_cancelled_on_its_page(page: Page, project: Project) -> None:
    state = begun(page, project, name="endless", path="train.steps", choices=["1000000"])
    wait_for(lambda: trainings(project), timeout_s=TRAINING_S)
    processes = trainings(project)
    page.get_by_role("button", name="Cancel", exact=True).click()
    photograph(page, "prefect-cancel")
    page.get_by_role("button", name="Confirm").click()
    expect(state).to_have_text("Cancelled")
    photograph(page, "prefect-cancelled")
    wait_for(lambda: not alive(processes), timeout_s=15)
