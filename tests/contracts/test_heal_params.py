"""Parameters of a healing: what is left out is filled in, what makes no sense is refused."""

import pytest

from linearity.contracts.canonical import Json
from linearity.contracts.heal import LEARNING_RATES, parse_params
from linearity.contracts.inputs import ModelRecord
from linearity.errors import InvalidParameterError, InvalidPlanError, UnknownParameterError

SHA = "ab" * 32
FILLED: list[tuple[dict[str, Json], dict[str, Json]]] = [
    ({"plan": "1:linear"}, {"train": "maps", "rank": 0, "split": "report", "sweep": []}),
    ({"plan": "1:drop"}, {"train": "adapters", "rank": 8, "fitting": "one_shot"}),
    ({"plan": "1:drop", "train": "all"}, {"learning_rate": LEARNING_RATES["all"], "rank": 0}),
    ({"plan": "1:linear", "objective": "text"}, {"train": "adapters", "alpha": 0.0}),
    ({"plan": "1:linear", "learning_rate": 0.01, "alpha": 0}, {"learning_rate": 0.01, "alpha": 0}),
    ({"plan": "1:linear,2:linear,3:drop", "sweep": "all"}, {"sweep": [1, 2]}),
    ({"plan": "1:linear,2:linear,3:drop", "sweep": [3, 2, 2]}, {"sweep": [2]}),
    ({"plan": "1:linear,2:linear,3:drop", "sweep": 1}, {"sweep": [1]}),
    ({"plan": "1:linear,2:linear,3:drop", "sweep": "2, 1"}, {"sweep": [1, 2]}),
    ({"plan": "1:linear", "sweep": "", "healed": ""}, {"sweep": [], "healed": ""}),
    ({"plan": "1:linear", "healed": SHA, "fit_tokens": 64}, {"healed": SHA, "fit_tokens": 64}),
]  # fmt: skip
REFUSED: list[tuple[dict[str, Json], str]] = [
    ({"plan": "1:drop", "train": "maps"}, "it has no maps to train"),
    ({"plan": "1:linear", "train": "maps", "objective": "text"}, "objective=text"),
    ({"plan": "1:linear", "train": "some"}, "one of maps, adapters, all"),
    ({"plan": "1:linear", "steps": 0}, "steps: wanted a whole number from 1"),
    ({"plan": "1:linear", "learning_rate": 0}, "learning_rate"),
    ({"plan": "1:linear", "alpha": -1}, "alpha"),
    ({"plan": "1:drop", "rank": 1000}, "rank: wanted a whole number from 1 to 128"),
    ({"plan": "1:linear", "split": "fit"}, "one of report, select"),
    ({"plan": "1:linear,2:linear", "sweep": [5]}, "sweep: wanted a whole number from 1 to 2"),
    ({"plan": "1:linear,2:linear", "sweep": "1;2"}, "sweep: wanted a whole number from 1 to 2"),
    ({"plan": "1:linear,2:drop", "sweep": "all", "objective": "text"}, "together with objective"),
    ({"plan": "1:linear,2:drop", "sweep": "all", "healed": SHA}, "together with healed"),
    ({"plan": "1:linear", "healed": "my run"}, "its id, its result, or their sha256"),
    ({"plan": "1:linear", "fit_tokens": 64}, "fit_tokens: wanted at least 256"),
]


@pytest.mark.parametrize(("given", "wanted"), FILLED)
def test_what_is_left_out_is_filled_in(
    given: dict[str, Json], wanted: dict[str, Json], glass_record: ModelRecord
) -> None:
    params = parse_params(given, model=glass_record).as_json()
    again = parse_params(params, model=glass_record).as_json()

    assert {name: params[name] for name in wanted} == wanted
    assert again == params


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(
    given: dict[str, Json], message: str, glass_record: ModelRecord
) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        parse_params(given, model=glass_record)


def test_unknown_names_and_plans_are_refused(glass_record: ModelRecord) -> None:
    with pytest.raises(UnknownParameterError, match="epochs"):
        parse_params({"plan": "1:linear", "epochs": 3}, model=glass_record)
    with pytest.raises(InvalidPlanError):
        parse_params({"train": "maps"}, model=glass_record)
