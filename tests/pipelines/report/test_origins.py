"""From a number in the report to what made it."""

import hashlib
import json
from pathlib import Path

from pipelines.report.cell_origins import REMEMBERED
from pipelines.report.run import main
from pipelines.tracking import lineage
from tests.pipelines.report.conftest import SYSTEMS

RUN, COMMIT = "1f" * 16, "ab" * 20


def test_a_number_leads_to_the_checkpoint_its_run_and_the_command_that_makes_it_again(workspace: Path) -> None:
    known, unknown = (Path("runs/dolls", system, "seed-0/checkpoint.safetensors") for system in SYSTEMS)
    for path in (known, unknown):
        path.write_bytes(f"weights of {path}".encode())
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (known, unknown)]
    REMEMBERED.mkdir(parents=True)
    tags = {"smis.commit": COMMIT, "smis.machine": "node-7", "smis.device": "cuda:0", "smis.data": "cd" * 16}
    noted = {"run": RUN, "link": "http://127.0.0.1:5000/#/experiments/1/runs/1f?a=b&c=d", "tags": tags}
    (REMEMBERED / f"{digests[0]}.json").write_text(json.dumps(noted))
    main()
    page = Path("report/report.html").read_text()
    for system, digest in zip(SYSTEMS, digests, strict=True):
        assert page.count(f'href="#made-dolls-{system}"') == 2  # in the tables of quality and of cost
        assert page.count(f'id="made-dolls-{system}"') == 1
        assert f"python -m pipelines.tracking.reproduce {digest[:12]}" in page
    assert f'runs/1f?a=b&amp;c=d"><code>{RUN[:8]}' in page
    assert f"<code>{COMMIT[:12]}</code>" in page
    assert "<td>node-7, cuda:0</td>" in page


def test_the_report_looks_where_runs_are_noted() -> None:
    assert REMEMBERED == lineage.REMEMBERED
