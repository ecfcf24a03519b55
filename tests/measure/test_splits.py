"""The splits F (fits), A (selects) and B (reports): shares, disjointness, and what is opened."""

from collections import Counter
from itertools import chain, combinations

import pytest

from linearity.errors import TooFewTokensError
from linearity.measure.sampling import SamplingPlan, ThreeBudgets, ThreeSplits, sample_splits
from linearity.measure.windows import Window

EVERYTHING = ThreeBudgets(1_000_000, 1_000_000, 1_000_000)
NAMES = ("fit", "select", "report")


class Reader:
    """One token a character; remembers which texts it read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, text: str) -> list[int]:
        self.read.append(text)
        return [ord(character) for character in text]


def some_documents(count: int = 100, length: int = 90) -> list[str]:
    return [f"{number:04d}" + "abcdefg"[number % 7] * (length - 4) for number in range(count)]


def sampled(
    documents: list[str],
    budgets: ThreeBudgets = EVERYTHING,
    *,
    seed: int = 0,
    bos: int | None = None,
    reader: Reader | None = None,
) -> ThreeSplits:
    plan = SamplingPlan(0, 20, 0.0, seed, bos)
    return sample_splits(documents, reader or Reader(), plan, budgets)


def windows_of(splits: ThreeSplits) -> dict[str, list[Window]]:
    return {"fit": splits.fit, "select": splits.select, "report": splits.report}


@pytest.mark.parametrize("seed", range(6))
def test_shares_are_forty_twenty_forty_whatever_the_seed(seed: int) -> None:
    splits = sampled(some_documents(), seed=seed)

    assert [len(splits.documents[name]) for name in NAMES] == [40, 20, 40]
    assert sorted(chain(*splits.documents.values())) == list(range(100))
    for name, windows in windows_of(splits).items():
        assert {window.document for window in windows} == set(splits.documents[name])


def test_shares_are_of_different_texts_and_copies_stay_together() -> None:
    originals = some_documents(50)
    documents = originals + originals[:10] * 7 + originals[20:30]
    splits = sampled(documents, seed=3)
    texts = {name: {documents[k] for k in splits.documents[name]} for name in NAMES}

    assert [len(texts[name]) for name in NAMES] == [20, 10, 20]
    assert not any(texts[one] & texts[other] for one, other in combinations(NAMES, 2))
    assert sorted(chain(*splits.documents.values())) == list(range(len(documents)))


def test_the_splits_are_disjoint_and_cover_the_windows_text() -> None:
    documents = some_documents()
    splits = sampled(documents, ThreeBudgets(900, 500, 700), seed=1)

    for one, other in combinations(windows_of(splits).values(), 2):
        assert {w.document for w in one}.isdisjoint(w.document for w in other)
    for window in splits.fit + splits.select + splits.report:
        text = "".join(map(chr, window.ids))
        assert text == documents[window.document][window.start : window.start + len(text)]
    assert [sum(len(w.ids) for w in ws) for ws in windows_of(splits).values()] == [900, 500, 700]


def test_a_text_belongs_to_the_same_split_wherever_it_stands() -> None:
    documents = some_documents()
    turned = documents[::-1]
    one, other = sampled(documents, seed=5), sampled(turned, seed=5)

    for name in NAMES:
        assert [documents[k] for k in one.documents[name]] == [
            turned[k] for k in other.documents[name]
        ]


def test_another_seed_gives_other_splits() -> None:
    memberships = {
        tuple(sorted(sampled(some_documents(), seed=s).documents["fit"])) for s in (1, 2, 3)
    }

    assert len(memberships) == 3


def test_windows_go_round_robin_over_documents() -> None:
    splits = sampled(some_documents(), ThreeBudgets(40 * 20 * 2, 20 * 20, 64))

    assert Counter(w.document for w in splits.select) == dict.fromkeys(
        splits.documents["select"], 1
    )
    assert set(Counter(w.document for w in splits.fit).values()) == {2}
    assert [w.document for w in splits.report] == splits.documents["report"][:4]


def test_a_fifth_of_the_fit_documents_chooses_the_ridge() -> None:
    splits = sampled(some_documents())
    roles = {
        role: {w.document for w in splits.fit if w.role == role} for role in ("train", "validation")
    }

    assert len(roles["validation"]) == 8
    assert roles["validation"].isdisjoint(roles["train"])
    assert {w.role for w in splits.select + splits.report} == {"heldout"}


@pytest.mark.parametrize("closed", [{"fit"}, {"select"}, {"report"}, {"fit", "report"}, {*NAMES}])
def test_no_text_of_a_closed_split_is_read(closed: set[str]) -> None:
    documents = some_documents()
    budgets = ThreeBudgets(*(0 if name in closed else 10_000 for name in NAMES))
    reader = Reader()

    splits = sampled(documents, budgets, reader=reader)

    forbidden = {documents[k] for name in closed for k in splits.documents[name]}
    assert forbidden.isdisjoint(reader.read)
    assert all(
        bool(windows) == (name not in closed) for name, windows in windows_of(splits).items()
    )


def test_no_more_text_is_read_than_the_budget_needs() -> None:
    reader = Reader()

    splits = sampled(some_documents(), ThreeBudgets(60, 40, 20), reader=reader)

    assert len(reader.read) == len(splits.fit + splits.select + splits.report) == 6


def test_opening_the_report_split_later_gives_the_same_windows() -> None:
    documents = some_documents()
    alone = sampled(documents, ThreeBudgets(0, 0, 300))
    beside = sampled(documents, ThreeBudgets(200, 100, 300))

    assert alone.report == beside.report
    assert alone.documents == beside.documents


def test_one_document_is_cut_into_twenty_parts_that_are_split() -> None:
    text = "".join(chr(0x4E00 + k) for k in range(2000))
    splits = sampled([text])

    assert "".join(splits.parts) == text
    assert [len(splits.documents[name]) for name in NAMES] == [8, 4, 8]
    for window in splits.fit + splits.select + splits.report:
        part = splits.parts[window.document]
        assert "".join(map(chr, window.ids)) == part[window.start : window.start + len(window.ids)]


def test_every_window_begins_with_the_token_that_the_tokenizer_would_add() -> None:
    splits = sampled(some_documents(), bos=7)
    windows = splits.fit + splits.select + splits.report

    assert all(window.ids[0] == 7 for window in windows)
    assert max(len(window.ids) for window in windows) == 20


@pytest.mark.parametrize("documents", [[], [""], ["a"], ["ab", "cd"]])
def test_a_split_without_text_is_an_error_that_names_it(documents: list[str]) -> None:
    with pytest.raises(TooFewTokensError, match="split is empty"):
        sampled(documents)


def test_three_documents_are_the_fewest_that_fill_all_splits() -> None:
    splits = sampled(some_documents(3))

    assert [len(splits.documents[name]) for name in NAMES] == [1, 1, 1]
