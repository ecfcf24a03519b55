"""Finished and open runs of the kinds that change a model, and how a page of theirs is read."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

from linearity.contracts.runs import RunStatus
from tests.browser.conftest import Site, Visit
from tests.browser.seed import another_run, finish_with
from tests.figures.ablation_results import a_plan, an_ablation, some_answers

PLAN = "12:drop,14-15:linear"


@dataclass(frozen=True)
class Measured:
    """A finished run and what it found."""

    id: str
    kind: str
    result: dict[str, Any]

    @property
    def page(self) -> str:
        return f"/runs/{self.id}"


def measure_all(site: Site) -> dict[str, Measured]:
    """Return finished runs of the kinds that change a model; they are made once for a site."""
    plan = {"kind": "plan", "plan": PLAN}
    wanted: dict[str, tuple[dict[str, Any], Any]] = {
        "ablation": ({"kind": "ablation", "seed": 31}, an_ablation(seeds=5)),
        "no map": ({"kind": "ablation", "interaction": 0, "seed": 31}, an_ablation(interaction=0)),
        "routes": (
            {"kind": "ablation", "interaction": 0, "seed": 32},
            an_ablation(interaction=0, routes=True),
        ),
        "plan": (plan, a_plan()),
        "preview": (plan | {"fidelity": "preview"}, a_plan(fidelity="preview")),
        "report": (plan | {"split": "report"}, a_plan(split="report")),
        "answers": ({"kind": "answers", "plan": "12:drop"}, some_answers()),
        "scored": ({"kind": "answers", "plan": "13:drop"}, some_answers(references=True)),
    }
    found = {}
    for name, (question, result) in wanted.items():
        run = another_run(site.services, take=False, **question)
        if run.status is not RunStatus.FINISHED:  # else another module of tests was here before
            assert site.services.state.start_attempt(run.id, run.attempt, "worker-1")
            finish_with(site.services, run, result.as_json())
        value = {**result.as_json(), "params": run.request["params"]}
        found[name] = Measured(run.id, question["kind"], value)
    return found


def drawn(page: Page, *names: str) -> None:
    """Wait for pictures."""
    for name in names:
        page.wait_for_selector(f".plot-{name}[data-drawn]")


def click_point(page: Page, picture: str, x: float, y: float) -> None:
    """Click a place of a picture, given in the numbers of its axes."""
    left, top = page.evaluate(
        """([picture, x, y]) => {
            const plot = document.querySelector(`.plot-${picture}`);
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout;
            const box = plot.getBoundingClientRect();
            return [
                box.left + xaxis._offset + xaxis.d2p(x),
                box.top + yaxis._offset + yaxis.d2p(y),
            ];
        }""",
        [picture, x, y],
    )
    page.mouse.move(left, top)
    page.wait_for_timeout(100)  # Plotly handles a hover before a click
    page.mouse.click(left, top)


def stays_on_the_site(visit: Visit) -> bool:
    """Tell whether nothing failed and every request went to the site itself."""
    hosts = {
        urlsplit(url).netloc for url in visit.requests if not url.startswith(("data:", "blob:"))
    }
    return visit.errors == [] and hosts == {urlsplit(visit.site.url).netloc}
