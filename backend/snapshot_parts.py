"""The parts of a saved page that are words and numbers, written as the page writes them."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from backend.figures.options import SCORES
from backend.figures.points import pair_points
from backend.markup import EMPTY, Markup, element
from backend.snapshot_choice import shown_point
from linearity.contracts.benchmark import OWN_TASK
from linearity.contracts.paper_protocol import PAPER

MISSING = "–"
_PAIR = re.compile(r"(\d{1,4})-(\d{1,4})")


@dataclass(frozen=True)
class Part:
    """What every part is made of."""

    result: Mapping[str, Any]
    words: Mapping[str, str]
    view: Mapping[str, str]
    sha256: str | None
    saved: str
    imported: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """What was measured, in one line."""
        kind = self.words[f"kind_{self.result['kind']}"]
        return f"{kind} · {self.name('model')} · {self.name('dataset')}"

    def name(self, key: str) -> str:
        """Return the name of the model or dataset."""
        found = self.result[key]
        return str(found.get("name") or found.get("id"))

    def say(self, key: str, **values: object) -> str:
        """Return words with their places filled; what has no value stays as it is."""
        text = self.words[key]
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text


def score(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals."""
    return MISSING if value is None else f"{value:.{digits}f}".replace("-", "−")


def significant(value: float | None) -> str:
    """Return a number with three significant digits."""
    return MISSING if value is None else f"{float(f'{value:.3g}'):,}".removesuffix(".0")


def percent(value: float | None) -> str:
    """Return a share as a percentage."""
    return MISSING if value is None else f"{100 * value:.1f} %".replace(".0 %", " %")


def interval(pair: Sequence[float] | None, digits: int = 3) -> str:
    """Return both ends of an interval."""
    return MISSING if pair is None else f"{score(pair[0], digits)} – {score(pair[1], digits)}"


def header(part: Part) -> Markup:
    """Return what this is: kind, model, text, and that the file works by itself."""
    model = part.result["model"]
    size = part.say("blocks_by_width", blocks=model.get("blocks"), width=model.get("width"))
    told = [size, part.say("on_dataset", dataset=part.name("dataset"))]
    if plan := part.result["params"].get("plan"):
        told.append(str(plan))
    kind = element("span", part.words[f"kind_{part.result['kind']}"], class_="kind-name")
    return element(
        "header",
        element("p", f"LinearScope · {part.words['snapshot_offline']}", class_="quiet small-print"),
        element("h1", kind, " ", part.name("model")),
        element("ul", *(element("li", fact) for fact in told), class_="facts"),
        _imported(part),
    )


def _imported(part: Part) -> Markup:
    """Return that the numbers were not computed by whoever saved the page."""
    if part.imported is None:
        return EMPTY
    words = part.say(
        "imported_note_text",
        software=part.imported["software"],
        computed=str(part.imported["computed"])[:10],
    )
    return element("p", words, class_="warning-line imported-note")


def finding(part: Part) -> Markup:
    """Return the result in one sentence."""
    found = part.result.get("finding") or {}
    sentence = found.get(part.view["lang"]) or found.get("en")
    return element("p", str(sentence), class_="finding") if sentence else EMPTY


def key_numbers(part: Part) -> Markup:
    """Return the numbers that stand large on the page, and those of the selection."""
    rows = {
        "linearity": _linearity_numbers,
        "ablation": _ablation_numbers,
        "plan": _plan_numbers,
        "answers": _answers_numbers,
        "passage": _passage_numbers,
        "export": _export_numbers,
        "heal": _heal_numbers,
        "speed": _speed_numbers,
        "benchmark": _benchmark_numbers,
    }[part.result["kind"]](part)
    return _large(rows) if rows else EMPTY


def selection(part: Part) -> Markup:
    """Return every score of the selected pair of states, if one is selected."""
    found = _PAIR.fullmatch(part.view.get("sel", ""))
    if found is None or part.result["kind"] != "linearity":
        return EMPTY
    start, end = int(found[1]), int(found[2])
    if not start < end < len(part.result["states"]):
        return EMPTY
    scores = [
        (kind, pair_points(part.result, score=kind, split="heldout").scores[start][end - 1])
        for kind in SCORES
    ]
    title = element("h2", part.say("selection_title", **_ends_of(part, start, end)))
    numbers = [(part.words[f"score_{kind}_long"], score(value, 4), None) for kind, value in scores]
    return element("section", title, _large(numbers))


def _ends_of(part: Part, start: int, end: int) -> dict[str, str]:
    states = part.result["states"]
    return {"from": states[start], "to": states[end]}


def warnings(part: Part) -> Markup:
    """Return what limits the result."""
    found = [item for item in part.result.get("warnings") or [] if item["code"] != "not_yet"]
    if not found:
        return EMPTY
    sentences = [
        part.say(f"warning_{item['code']}", **_readable(item.get("data") or {}))
        if f"warning_{item['code']}" in part.words
        else str(item["message"])
        for item in found
    ]
    title = part.say("warnings_count", count=len(found))
    return element(
        "section",
        element("h2", title),
        element("ul", *(element("li", sentence) for sentence in sentences)),
    )


def facts(part: Part, version: str) -> Markup:
    """Return what was asked and what it ran on."""
    result = part.result
    known: list[tuple[str, object]] = [
        (part.words["run_id"], result["id"]),
        (part.words["finished_at"], result.get("created")),
        (part.words["snapshot_saved"], part.saved),
        (part.words["snapshot_program"], f"LinearScope {version}"),
        (part.words["device"], (result.get("environment") or {}).get("device")),
        (part.words["model_fingerprint"], result["model"].get("fingerprint")),
        (part.words["dataset_fingerprint"], result["dataset"].get("fingerprint")),
        (part.words["snapshot_result"], part.sha256 and f"sha256 {part.sha256}"),
        *((name, _spelled(value)) for name, value in result["params"].items()),
    ]
    items = [
        element("div", element("dt", name), element("dd", str(value)))
        for name, value in known
        if value not in (None, "")
    ]
    return element(
        "section",
        element("h2", part.words["run_facts"]),
        element("dl", *items, class_="numbers"),
        class_="run-facts",
    )


def cite(part: Part, version: str) -> Markup:
    """Return how to cite it, and the button that saves the numbers."""
    text = part.say(
        "snapshot_cite_text",
        model=part.name("model"),
        dataset=part.name("dataset"),
        kind=part.words[f"kind_{part.result['kind']}"],
        run=part.result["id"],
        version=version,
        date=str(part.result.get("created") or part.saved)[:10],
    )
    save = element("button", part.words["snapshot_json"], type="button", id="save-json")
    return element(
        "section",
        element("h2", part.words["snapshot_cite"]),
        element("p", text),
        element("p", save),
    )


Number = tuple[str, str, Markup | None]


def _large(rows: Sequence[Number]) -> Markup:
    items = [
        element("div", element("dt", name), element("dd", element("strong", value), beside))
        for name, value, beside in rows
    ]
    return element("dl", *items, class_="key-numbers")


def _quiet(text: str) -> Markup:
    return element("span", text, class_="quiet")


def _linearity_numbers(part: Part) -> list[Number]:
    profile, kept = part.result["profile"], part.result.get("kept") or {}
    exactly = functools.partial(score, digits=4)
    heldout: list[tuple[str, Any, Callable[[float], str]]] = [
        ("key_stream", profile.get("r2_heldout"), score),
        ("key_kept", kept.get("r2_heldout"), exactly),
        ("key_update", profile.get("update_r2_heldout"), score),
    ]
    in_sample: list[tuple[str, Any, Callable[[float], str]]] = [
        ("key_stream_fit", profile.get("r2_fit"), exactly),
        ("key_update_fit", profile.get("update_r2_fit"), score),
    ]
    is_in_sample = part.result["params"].get("protocol") == PAPER
    rows = [
        *(in_sample if is_in_sample else heldout),
        ("key_norm", profile.get("update_norm_ratio"), significant),
    ]
    numbers: list[Number] = []
    for key, values, spell in rows:
        there = sorted(value for value in values or [] if value is not None)
        if not there:
            numbers.append((part.words[key], MISSING, None))
            continue
        span = part.say("key_range", low=spell(there[0]), high=spell(there[-1]))
        numbers.append((part.words[key], spell(median(there)), _quiet(span)))
    return numbers


def _ablation_numbers(part: Part) -> list[Number]:
    point = shown_point(part.result, part.view)
    if point is None:
        return []
    return [(part.words["chosen_plan"], str(point["plan"]), None), *_quality(part, point)]


def _plan_numbers(part: Part) -> list[Number]:
    return _quality(part, part.result["point"])


def _quality(part: Part, point: Mapping[str, Any]) -> list[Number]:
    dense = (part.result.get("dense") or {}).get("ppl")
    before = f"{significant(dense)} → " if dense else ""
    damage = part.say("interval_of", range=interval(point.get("ci95"), 4))
    return [
        (part.words["key_damage"], score(point.get("nll_diff"), 4), _quiet(damage)),
        (part.words["key_perplexity"], before + significant(point.get("ppl")), None),
        (part.words["key_kl"], score(point.get("kl"), 4), None),
        (part.words["key_top1"], percent(point.get("top1")), None),
        (part.words["key_top5"], percent(point.get("top5")), None),
    ]


def _answers_numbers(part: Part) -> list[Number]:
    summary = part.result["summary"]
    identical = part.say("of_count", count=summary["identical"], total=summary["prompts"])
    first = summary.get("first_difference_median")
    return [
        (part.words["key_identical"], identical, None),
        (part.words["key_first_difference"], score(first, 1), _quiet(part.words["tokens_median"])),
        (part.words["key_agreement"], percent(summary.get("agreement")), None),
        (part.words["key_length_ratio"], score(summary.get("length_ratio"), 2), None),
    ]


def _passage_numbers(part: Part) -> list[Number]:
    reference, passage = part.result["reference"], part.result["passage"]
    scored = _scored(part.result)
    means = [sum(errors) / len(scored) for errors in zip(*scored, strict=True)]
    numbers: list[Number] = [(part.words["key_passage_tokens"], str(len(passage)), None)]
    if means:
        block = max(range(len(means)), key=means.__getitem__)
        beside = part.say("key_passage_usual", error=significant(reference["mean"][block]))
        hardest = part.say("at_block", block=block)
        numbers.append((part.words["key_passage_hardest"], hardest, None))
        numbers.append((part.words["key_passage_error"], significant(means[block]), _quiet(beside)))
    return numbers


def _export_numbers(part: Part) -> list[Number]:
    found, proof = part.result["architecture"], part.result["proof"]
    share = percent(found["parameters"] / found["dense_parameters"])
    beside = _quiet(part.say("of_parameters", share=share))
    return [
        (part.words["key_exported_as"], found["name"], _quiet(found["model_type"])),
        (part.words["key_parameters"], f"{found['parameters']:,}", beside),
        (part.words["key_loss_difference"], significant(proof["nll_difference"]), None),
        (part.words["key_logits_difference"], significant(proof["logits_difference"]), None),
        *_quality(part, part.result["point"]),
    ]


def _heal_numbers(part: Part) -> list[Number]:
    before, healing = part.result["before"], part.result["healing"]
    start = f"{score(before['nll_diff'], 4)} → "
    rows = _quality(part, part.result["after"])
    name, value, beside = rows[0]
    gain = part.say("interval_of", range=interval(healing["ci95"], 4))
    gained = (part.words["key_healing"], score(healing["nll_diff"], 4), _quiet(gain))
    return [gained, (name, start + value, beside), *rows[1:]]


def _speed_numbers(part: Part) -> list[Number]:
    """Return how many times as many tokens a second there are, load by load."""
    numbers: list[Number] = []
    for point in part.result["points"]:
        found = [one for one in point["timings"] if one["metric"] == "tokens_per_s"]
        speedup = found[0]["speedup"] if found else None
        if speedup:
            beside = part.say("speed_interval", range=interval(speedup["ci95"], 2))
            name = part.say("key_speedup_at", load=f"{point['load']:,}")
            numbers.append((name, f"× {score(speedup['value'], 2)}", _quiet(beside)))
    return numbers


def _benchmark_numbers(part: Part) -> list[Number]:
    return [
        (
            f"{task_name(part.words, task['task'])} · {metric}",
            f"{percent(score_of['dense'])} → {percent(score_of['changed'])}",
            _quiet(part.say("points_interval", **_points(score_of))),
        )
        for task in part.result["tasks"]
        for score_of in task["scores"]
        if (metric := part.words.get(f"metric_{score_of['metric']}", score_of["metric"]))
    ]


def task_name(words: Mapping[str, str], task: str) -> str:
    """Return what people call a task: the own questions have no name of their own."""
    return words["own_questions"] if task == OWN_TASK else task


def _points(found: Mapping[str, Any]) -> dict[str, str]:
    low, high = found["ci95"] or (None, None)
    values = {"difference": found["diff"], "low": low, "high": high}
    return {
        name: MISSING if value is None else f"{100 * value:+.1f}".replace("-", "−")
        for name, value in values.items()
    }


def _scored(result: Mapping[str, Any]) -> list[Sequence[float]]:
    """Return the errors of the tokens that are neither first nor sinks."""
    pairs = zip(result["passage"], result["error"], strict=True)
    return [error for token, error in pairs if token["token_class"] not in ("first", "sink")]


def _readable(data: Mapping[str, Any]) -> dict[str, str]:
    return {key: _spelled(value) for key, value in data.items()}


def _spelled(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return significant(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_spelled(item) for item in value) or MISSING
    return str(value)
