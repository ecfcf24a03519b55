"""The words of the page: complete in both languages, all used, none missing."""

import json
import re
from pathlib import Path

import pytest

import backend.catalogue
import linearity
from backend.problems import PROBLEMS
from linearity.adapters.findings import NEXT_STEPS
from tests.frontend.sources import FRONTEND, SCRIPTS, read

# Problems that a run or an input can end with, beside those that an answer of the API can have.
OF_WORKERS = {"worker_lost", "internal_error"}
PLACE = re.compile(r"\{(\w+)\}")
# Words that come from the server's vocabulary: written where they are read, by their beginning.
FROM_THE_SERVER = (
    "problem_",
    "step_",
    "reason_",
    "warning_",
    "unit_",
    "exclude_",
    "protocol_",
    "granularity_",
    "published_",
    "pairs_",
    "state_",
    "added_",
    "failure_",
)
FROM_A_LIST = (
    *("column_", "figure_", "term_", "score_", "split_", "field_", "status_", "nav_", "theme_"),
    *("kind_", "source_", "table_", "key_", "remove_", "start_", "finding_pending_"),
    *("strategy_", "action_", "fitting_", "fidelity_", "template_", "metric_", "axis_", "rule_"),
    *("answers_", "show_", "model_", "canary_", "intake_", "add_", "upload_", "left_"),
    *(
        "class_",
        "paper_step_",
        "log_",
        "measure_",
        "skipped_",
        "mask_",
        "set_",
        "share_",
        "role_",
        "token_",
        "passage_level_",
        "speed_",
        "cost_",
        "estimate_of_",
        "engine_",
    ),
    *("train_", "trained_", "training_", "tuned_", "objective_", "export_", "runs_"),
    *("items_", "chat_"),
    *("dataset_", "recognised_", "delimiter_", "reading_", "record_", "summary_"),
)


def catalogue(language: str) -> dict[str, str]:
    words: dict[str, str] = json.loads(read(FRONTEND / "i18n" / f"{language}.json"))
    return words


def test_both_languages_have_the_same_keys() -> None:
    assert catalogue("en").keys() == catalogue("ja").keys()


def test_no_key_occurs_twice() -> None:
    for language in ("en", "ja"):
        text = read(FRONTEND / "i18n" / f"{language}.json")
        keys = re.findall(r'^  "(\w+)":', text, flags=re.MULTILINE)

        assert len(keys) == len(set(keys)) == len(catalogue(language))


def test_both_languages_have_the_same_places_for_values() -> None:
    japanese = catalogue("ja")
    places = {key: sorted(PLACE.findall(text)) for key, text in catalogue("en").items()}

    assert {key: sorted(PLACE.findall(japanese[key])) for key in places} == places


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_text_is_empty(language: str) -> None:
    assert [key for key, text in catalogue(language).items() if not text.strip()] == []


def test_japanese_is_japanese() -> None:
    kana_or_kanji = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
    # Made of numbers, signs and places alone.
    neutral = {"key_range", "score_in_split", "action_fitted", "range_of"}
    neutral |= {"metric_kl", "metric_top1", "metric_top5", "score_cka"}
    neutral |= {"published_range", "published_change", "list_joint"}
    neutral |= {f"published_task_{task}" for task in ("multirc", "boolq", "cb")}
    neutral |= {"at_place", "span_of_parts", "mlp_head"}

    latin = {key for key, text in catalogue("ja").items() if not kana_or_kanji.search(text)}

    assert latin - neutral == {"footer_api"}


def test_every_word_that_a_script_asks_for_exists() -> None:
    asked = {
        key for path in SCRIPTS for key in re.findall(r'\bt(?:Or)?\("(\w+)"', read(path))
    } | set(re.findall(r'data-i18n="(\w+)"', read(FRONTEND / "index.html")))

    assert asked - catalogue("en").keys() == set()


def test_every_word_is_asked_for() -> None:
    scripts = "\n".join(read(path) for path in SCRIPTS) + read(FRONTEND / "index.html")
    server = Path(backend.catalogue.__file__).parent
    scripts += "\n".join(read(path) for path in server.glob("snapshot*.py"))
    unused = {
        key
        for key in catalogue("en")
        if not re.search(rf"\b{key}\b", scripts)
        and not key.startswith((*FROM_THE_SERVER, *FROM_A_LIST))
        and not (key.endswith(("_note", "_why", "_short", "_long")))
    }

    assert unused == set()


def test_every_problem_has_words() -> None:
    codes = PROBLEMS.keys() | OF_WORKERS

    assert {f"problem_{code}" for code in codes} - catalogue("ja").keys() == set()


def test_every_reason_to_reject_an_input_has_words_and_a_next_step() -> None:
    adapters = Path(linearity.__file__).parent / "adapters"
    sources = "\n".join(read(path) for path in sorted(adapters.rglob("*.py")))
    reasons = set(re.findall(r'reason="(\w+)"', sources))
    reasons |= set(NEXT_STEPS)

    words = {f"reason_{code}" for code in reasons} | {f"reason_step_{code}" for code in reasons}
    assert {"missing_weights", "mismatched_weights", "no_text", "gated"} <= reasons
    assert words - catalogue("ja").keys() == set()
