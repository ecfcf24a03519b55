import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

import backend.routes
from backend.parameter_docs import PARAMETERS
from backend.problems import PROBLEMS
from backend.strict_json import check_fields
from linearity.contracts import (
    ablation,
    actions,
    answers,
    benchmark,
    common,
    delivery,
    export,
    heal,
    linearity,
    passage,
    plan,
    speed,
)
from linearity.contracts.canonical import strict_loads
from linearity.contracts.runs import KINDS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
RESOURCES = [module.name for module in pkgutil.iter_modules(backend.routes.__path__)]
RESULTS = [
    *(linearity.LinearityResult, linearity.Pairs, linearity.Profile, linearity.TokenCounts),
    *(common.Protocol, common.Quality, common.SplitFacts),
    *(ablation.AblationResult, ablation.StrategyScores, ablation.SingleDamage, ablation.Curve),
    *(ablation.Point, ablation.RankCorrelation, ablation.Interaction),
    *(plan.PlanResult, plan.MeasuredStep, plan.DocumentQuality, plan.Guard, plan.WorstToken),
    *(common.CategoryQuality, answers.AnswersResult, answers.AnswerPair, answers.AnswersSummary),
    *(answers.SideSummary, answers.CanaryResult, answers.CategoryAnswers),
    *(benchmark.BenchmarkResult, benchmark.TaskScores, benchmark.PairedScore),
    *(export.ExportResult, export.Architecture, export.Proof, export.ExportedFile),
    *(delivery.Delivery, delivery.Command, delivery.RunsIn, delivery.RenumberedAdapter),
    *(benchmark.CategoryScore, benchmark.ItemResult, benchmark.SideItem),
]
EXAMPLES = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)


def test_every_address_and_method_is_in_the_document() -> None:
    addresses = [
        f"{method} {route.path.replace(':path', '')}"
        for route in every_route()
        for method in (route.methods or set()) - {"HEAD"}
    ]

    assert len(addresses) > 20
    assert [address for address in addresses if not named(address)] == []


def test_every_address_of_the_document_exists() -> None:
    written = r"\b(GET|POST|PATCH|DELETE|HEAD) (/(?:[\w.{}-]+/?)*)"
    known = {(way, _shape(route.path)) for route in every_route() for way in route.methods or ()}
    told = {(method, _shape(path.rstrip("."))) for method, path in re.findall(written, DOCUMENT)}

    assert len(told) > 50
    assert told - known == {("GET", "/openapi.json")}  # FastAPI's own


def test_every_error_code_is_in_the_table_beside_its_status() -> None:
    table = DOCUMENT.partition("## Error codes")[2]
    rows = dict(re.findall(r"^\| ([\d, ]+) \| (.*) \|$", table, re.MULTILINE))

    missing = [
        code
        for code, problem in PROBLEMS.items()
        if not any(str(problem.status) in key and f"`{code}`" in row for key, row in rows.items())
    ]
    assert missing == []


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.__name__)
def test_every_field_of_the_results_is_in_the_document(kind: type) -> None:
    fields = kind.__dataclass_fields__  # type: ignore[attr-defined]  # every one is a dataclass

    assert [name for name in fields if f"`{name}`" not in DOCUMENT] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_strict_json(example: str) -> None:
    assert strict_loads(example.encode())


def test_the_example_of_a_submission_has_the_fields_that_are_read() -> None:
    body = json.loads(next(example for example in EXAMPLES if '"force"' in example))

    check_fields(
        body,
        required={"kind": str, "model": str, "dataset": str},
        optional={"params": dict, "force": bool},
    )

    assert body["model"] == "smollm2"


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_of_a_kind_is_told_by_the_server_and_in_the_document(kind: str) -> None:
    names = {
        "linearity": linearity.PARAMETER_NAMES,
        "ablation": ablation.PARAMETER_NAMES,
        "plan": plan.PARAMETER_NAMES,
        "answers": answers.PARAMETER_NAMES,
        "passage": passage.PARAMETER_NAMES,
        "export": export.PARAMETER_NAMES,
        "heal": heal.PARAMETER_NAMES,
        "speed": speed.PARAMETER_NAMES,
        "benchmark": benchmark.PARAMETER_NAMES,
    }[kind]

    assert PARAMETERS[kind].keys() == set(names)
    assert [name for name in names if f"`{name}`" not in DOCUMENT] == []
    assert f"## The `{kind}` result" in DOCUMENT


def test_the_names_of_other_tools_are_in_the_document() -> None:
    aliases = {**ablation.STRATEGY_ALIASES, **actions.ACTION_ALIASES}

    assert [name for name in aliases if f"`{name}`" not in DOCUMENT] == []


def test_the_plans_of_the_document_are_plans() -> None:
    steps = re.findall(r"^\| `(\d[^`]*)` \|", DOCUMENT.partition("## Plans")[2], re.MULTILINE)

    assert len(steps) == 4
    for text in steps:
        assert actions.parse_plan(text, blocks=30).text == text


def every_route() -> list[APIRoute]:
    modules = [import_module(f"backend.routes.{name}") for name in RESOURCES]
    routes = [route for module in modules for route in module.router.routes]
    assert all(isinstance(route, APIRoute) for route in routes)
    return routes


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def named(address: str) -> bool:
    return re.search(rf"{re.escape(address)}(?![\w/{{])", DOCUMENT) is not None
