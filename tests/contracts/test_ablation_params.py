"""Parameters of `ablation` and `plan`: defaults, one spelling for one question, clear refusals."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from linearity.contracts import ablation, plan
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.errors import (
    InvalidParameterError,
    InvalidPlanError,
    LinearScopeError,
    NotYetError,
    TooFewTokensError,
    UnknownParameterError,
)


@pytest.fixture(scope="module")
def deep(glass_record: ModelRecord) -> ModelRecord:
    """A record of a model of 30 blocks."""
    return replace(glass_record, blocks=30, context=2048)


def ablated(params: Mapping[str, Json], model: ModelRecord) -> ablation.AblationParams:
    return ablation.parse_params(params, model=model)


def planned(params: Mapping[str, Json], model: ModelRecord) -> plan.PlanParams:
    return plan.parse_params(params, model=model)


def test_an_ablation_without_parameters_is_complete(deep: ModelRecord) -> None:
    assert ablated({}, deep).as_json() == {
        "strategies": [
            "update_linearity", "stream_linearity", "block_influence", "single_damage",
        ],
        "actions": ["drop", "linear"],
        "fitting": ["one_shot"],
        "changed": 10,
        "interaction": 8,
        "random_seeds": 5,
        "fit_tokens": 16_384,
        "select_tokens": 2048,
        "report_tokens": 4096,
        "context": 256,
        "seed": 0,
        "ridge": "auto",
        "dtype": deep.dtype,
        "attention": "sdpa",
        "template": "auto",
        "score": "answer",
    }  # fmt: skip


def test_what_a_small_model_cannot_do_is_not_its_default(glass_record: ModelRecord) -> None:
    found = ablated({}, glass_record)

    assert found.changed == 3
    assert found.interaction == 4
    assert found.context == 128  # the model reads no further


def test_parameters_that_are_complete_stay_as_they_are(deep: ModelRecord) -> None:
    complete = ablated({"strategies": "all", "actions": "all", "fitting": "all"}, deep).as_json()

    assert ablated(complete, deep).as_json() == complete


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"strategies": ["sleb"]}, {"strategies": "greedy_loss"}),
        ({"strategies": ["ShortGPT"]}, {"strategies": ["block_influence"]}),
        ({"strategies": ["random", "sleb"]}, {"strategies": ["greedy_loss", "random"]}),
        ({"strategies": ["pruneme", "gromov"]}, {"strategies": "span_angular"}),
        ({"strategies": ["random", "random"]}, {"strategies": ["random"]}),
        ({"actions": ["linear", "drop"]}, {"actions": ["drop", "linear"]}),
        ({"actions": "replaceme"}, {"actions": ["merged"]}),
        ({"actions": ["all"]}, {"actions": ["merged", "remove", "linear"]}),
        ({"fitting": ["sequential", "one_shot"]}, {"fitting": "all"}),
        ({"changed": 10.0}, {}),
        ({"fit_tokens": "auto", "ridge": "auto", "dtype": "auto", "attention": "auto"}, {}),
    ],
)  # fmt: skip
def test_one_question_has_one_id(
    one: dict[str, Json], other: dict[str, Json], deep: ModelRecord, docs_record: DatasetRecord
) -> None:
    ids = [
        make_request("ablation", params, model=deep, dataset=docs_record).run_id
        for params in (one, other)
    ]

    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"strategies": []}, "strategies"),
        ({"strategies": ["magic"]}, "strategies"),
        ({"strategies": [3]}, "strategies"),
        ({"strategies": {"random": True}}, "strategies"),
        ({"strategies": None}, "strategies"),
        ({"strategies": ["manual"]}, "strategies"),
        ({"actions": ["keep"]}, "actions"),
        ({"actions": ""}, "actions"),
        ({"fitting": ["twice"]}, "fitting"),
        ({"changed": 0}, "changed"),
        ({"changed": 30}, "changed"),
        ({"changed": 2.5}, "changed"),
        ({"changed": True}, "changed"),
        ({"interaction": 1}, "interaction"),
        ({"interaction": -1}, "interaction"),
        ({"interaction": 31}, "interaction"),
        ({"random_seeds": 4}, "random_seeds"),
        ({"random_seeds": 51}, "random_seeds"),
        ({"fit_tokens": 255}, "fit_tokens"),
        ({"select_tokens": 63}, "select_tokens"),
        ({"report_tokens": 10**9}, "report_tokens"),
        ({"context": 7}, "context"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"ridge": 0}, "ridge"),
        ({"ridge": "none"}, "ridge"),
        ({"ridge": float("nan")}, "ridge"),
        ({"ridge": float("inf")}, "ridge"),
        ({"dtype": "float64"}, "dtype"),
        ({"attention": "flash"}, "attention"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(
    params: dict[str, Json], name: str, deep: ModelRecord
) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        ablated(params, deep)

    assert caught.value.data["parameter"] == name


def test_an_unknown_parameter_is_refused(deep: ModelRecord) -> None:
    with pytest.raises(UnknownParameterError):
        ablated({"strategy": "random"}, deep)
    with pytest.raises(UnknownParameterError):
        planned({"plan": "3:drop", "actions": "drop"}, deep)


@pytest.mark.parametrize("actions", ["orthogonal", ["drop", "orthogonal"]])
def test_the_action_that_comes_later_is_told_as_such(actions: Json, deep: ModelRecord) -> None:
    with pytest.raises(NotYetError):
        ablated({"actions": actions}, deep)
    with pytest.raises(NotYetError):
        planned({"plan": "3:orthogonal"}, deep)


def test_a_model_of_one_block_has_nothing_to_ablate(glass_record: ModelRecord) -> None:
    with pytest.raises(InvalidParameterError, match="at least 2 blocks"):
        ablated({}, replace(glass_record, blocks=1))


def test_a_fit_split_too_small_for_the_width_is_refused_before_any_work(deep: ModelRecord) -> None:
    wide = replace(deep, width=4096)
    few: dict[str, Json] = {"fit_tokens": 8191}

    with pytest.raises(InvalidParameterError, match="at least 8,192"):
        ablated(few, wide)
    with pytest.raises(InvalidParameterError, match="at least 8,192"):
        planned({**few, "plan": "3:linear"}, wide)
    with pytest.raises(InvalidParameterError, match="at least 8,192"):
        ablated({**few, "actions": "drop"}, wide)  # update_linearity ranks by fitted maps
    dropped: dict[str, Json] = {**few, "actions": "drop", "strategies": "block_influence"}
    assert ablated(dropped, wide).fit_tokens == 8191
    assert planned({**few, "plan": "3:drop"}, wide).fit_tokens == 8191
    assert ablated({"fit_tokens": 8192}, wide).fit_tokens == 8192


def test_a_dataset_too_small_for_maps_or_for_a_report_is_refused_before_any_work(
    deep: ModelRecord, docs_record: DatasetRecord
) -> None:
    tiny = replace(docs_record, size=2 * deep.width - 1, documents=2)

    with pytest.raises(TooFewTokensError, match="tokens in the fit split"):
        make_request("plan", {"plan": "3:linear"}, model=deep, dataset=tiny)
    with pytest.raises(TooFewTokensError, match="tokens in the fit split"):
        make_request("ablation", {}, model=deep, dataset=tiny)
    with pytest.raises(InvalidParameterError, match="none is left for a report split"):
        make_request("plan", {"plan": "3:drop", "split": "report"}, model=deep, dataset=tiny)
    assert make_request("plan", {"plan": "3:drop"}, model=deep, dataset=tiny).kind == "plan"


def test_two_blocks_have_no_interaction_map(deep: ModelRecord) -> None:
    flat = replace(deep, blocks=2)

    assert ablated({}, flat).interaction == 0
    with pytest.raises(InvalidParameterError, match="interaction"):
        ablated({"interaction": 2}, flat)


def test_a_plan_is_complete_and_spelled_in_one_way(deep: ModelRecord) -> None:
    found = planned({"plan": "13-15:Linear, 12:remove"}, deep)

    assert found.plan == "12:drop,13-15:linear"
    assert (found.fitting, found.split, found.fidelity) == ("one_shot", "select", "full")
    assert planned(found.as_json(), deep) == found
    assert planned({"plan": ["12:drop", "13-15:linear"]}, deep) == found


def test_a_plan_that_only_drops_has_one_id_whatever_the_fitting(
    deep: ModelRecord, docs_record: DatasetRecord
) -> None:
    def identity(text: str, fitting: str) -> str:
        params: dict[str, Json] = {"plan": text, "fitting": fitting}
        return make_request("plan", params, model=deep, dataset=docs_record).run_id

    assert identity("3:drop,4:drop", "one_shot") == identity("3-4:drop", "sequential")
    assert identity("3:linear", "one_shot") != identity("3:linear", "sequential")


def test_a_plan_and_an_ablation_share_their_sampling(deep: ModelRecord) -> None:
    assert planned({"plan": "3:linear"}, deep).sampling == ablated({}, deep).sampling


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"plan": None},
        {"plan": ""},
        {"plan": []},
        {"plan": {"3": "drop"}},
        {"plan": "30:drop"},
        {"plan": "0-29:drop"},
        {"plan": "0:merged"},
        {"plan": "3:drop,3:linear"},
        {"plan": "3:drop" + " " * 10_000},
    ],
)
def test_a_bad_plan_is_refused(params: dict[str, Json], deep: ModelRecord) -> None:
    with pytest.raises(InvalidPlanError):
        planned(params, deep)


@pytest.mark.parametrize(
    "params",
    [
        {"plan": "3:linear", "fitting": "twice"},
        {"plan": "3:drop", "split": "fit"},
        {"plan": "3:drop", "fidelity": "exact"},
        {"plan": "3:drop", "split": "report", "fidelity": "preview"},
    ],
)
def test_a_plan_measured_in_an_unknown_way_is_refused(
    params: dict[str, Json], deep: ModelRecord
) -> None:
    with pytest.raises(LinearScopeError) as caught:
        planned(params, deep)

    assert isinstance(caught.value, InvalidParameterError)
