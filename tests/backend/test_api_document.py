import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

import backend.routes
from backend.problems import PROBLEMS
from backend.strict_json import check_fields
from linearity.contracts.canonical import strict_loads
from linearity.contracts.linearity import LinearityResult, Pairs, Profile, TokenCounts

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
RESOURCES = [module.name for module in pkgutil.iter_modules(backend.routes.__path__)]
EXAMPLES = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)


def test_every_address_and_method_is_in_the_document() -> None:
    addresses = [
        f"{method} {route.path.replace(':path', '')}"
        for route in every_route()
        for method in (route.methods or set()) - {"HEAD"}
    ]

    assert len(addresses) > 20
    assert [address for address in addresses if not named(address)] == []


def test_every_error_code_is_in_the_table_beside_its_status() -> None:
    table = DOCUMENT.partition("## Error codes")[2]
    rows = dict(re.findall(r"^\| ([\d, ]+) \| (.*) \|$", table, re.MULTILINE))

    missing = [
        code
        for code, problem in PROBLEMS.items()
        if not any(str(problem.status) in key and f"`{code}`" in row for key, row in rows.items())
    ]
    assert missing == []


@pytest.mark.parametrize("kind", [LinearityResult, Pairs, Profile, TokenCounts])
def test_every_field_of_the_result_is_in_the_document(kind: type) -> None:
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


def every_route() -> list[APIRoute]:
    modules = [import_module(f"backend.routes.{name}") for name in RESOURCES]
    routes = [route for module in modules for route in module.router.routes]
    assert all(isinstance(route, APIRoute) for route in routes)
    return routes


def named(address: str) -> bool:
    return re.search(rf"{re.escape(address)}(?![\w/{{])", DOCUMENT) is not None
