"""glass-en against an independent float64 computation: every profile and pair number.

Nothing of `linearity.measure` beyond the sampling is used on the oracle's side: states come from
the library's own hidden states, maps and scores from numpy and scikit-learn.
"""

import unicodedata
from dataclasses import dataclass

import llm_microscope
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes
from scipy.stats import entropy
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import RIDGES, Profile, parse_params
from linearity.measure.sampling import SamplingPlan, sample_windows
from linearity.models.loaded import LoadedModel
from linearity.studies.linearity import Measurement, measure_linearity
from tests.studies.recorder import Recorder

Array = NDArray[np.float64]
TOLERANCE = 1e-6
PARAMS: dict[str, object] = {"tokens": 8192, "context": 128, "seed": 3}


@dataclass(frozen=True)
class Oracle:
    """All states in float64, (N, S, d), and where each token stands."""

    states: Array
    role: NDArray[np.str_]
    document: NDArray[np.int64]
    first: NDArray[np.bool_]
    kind: NDArray[np.str_]

    def of(self, *roles: str, keep_first: bool = False) -> Array:
        chosen = np.isin(self.role, roles)
        return self.states[chosen if keep_first else chosen & ~self.first]


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def measured(glass: LoadedModel, glass_record: ModelRecord, documents: list[str]) -> Measurement:
    params = parse_params(PARAMS, model=glass_record)  # type: ignore[arg-type]
    return measure_linearity(glass, documents, params, Recorder())


@pytest.fixture(scope="module")
def oracle(glass: LoadedModel, documents: list[str]) -> Oracle:
    windows = sample_windows(
        documents, glass.tokenize, SamplingPlan(tokens=8192, context=128, heldout=0.25, seed=3)
    )
    states, role, document, first = [], [], [], []
    kind: list[str] = []
    norm = glass.layout.decoder.norm
    glass.layout.decoder.norm = torch.nn.Identity()  # the library's last state, without its norm
    try:
        for window in windows:
            with torch.inference_mode():
                out = glass.layout.decoder(
                    torch.tensor([window.ids]), output_hidden_states=True, use_cache=False
                )
            states.append(torch.stack(out.hidden_states, dim=2)[0].double().numpy())
            role += [window.role] * len(window.ids)
            document += [window.document] * len(window.ids)
            first += [True] + [False] * (len(window.ids) - 1)
            kind += kinds([glass.detokenize([token]) for token in window.ids])
    finally:
        glass.layout.decoder.norm = norm
    return Oracle(
        np.concatenate(states), np.array(role), np.array(document), np.array(first), np.array(kind)
    )


def kinds(texts: list[str]) -> list[str]:
    """Say what English tokens are, by the standard library's own character database."""
    found, before = ["first"], texts[0]
    for text in texts[1:]:
        sign = text.strip()[:1]
        if text.startswith("<"):
            found.append("special" if text.endswith(">") and text != "<" else "punctuation")
        elif not sign:
            found.append("whitespace")
        elif unicodedata.category(sign)[0] in "LM":
            goes_on = not text[0].isspace() and before[-1:].isalpha()
            found.append("word_inside" if goes_on else "word_start")
        else:
            found.append("digits" if unicodedata.category(sign)[0] == "N" else "punctuation")
        before = "" if found[-1] == "special" else text
    return found


def least_squares_r2(X: Array, Y: Array) -> float:
    predicted = LinearRegression().fit(X, Y).predict(X)
    return float(r2_score(Y, predicted, multioutput="variance_weighted"))


def shrunk_map(X: Array, Y: Array, ridge: float, scale: float | None = None) -> Ridge:
    trace = ((X - X.mean(0)) ** 2).sum() if scale is None else scale
    return Ridge(alpha=ridge * trace / X.shape[1], solver="cholesky").fit(X, Y - X)


def validated_ridge(oracle: Oracle, i: int, j: int) -> float:
    train, new = oracle.of("train"), oracle.of("validation")

    def rss(ridge: float) -> float:
        fitted = shrunk_map(train[:, i], train[:, j], ridge)
        return float(((new[:, j] - new[:, i] - fitted.predict(new[:, i])) ** 2).sum())

    return min(RIDGES, key=rss)


def pairs(states: int = 5) -> list[tuple[int, int]]:
    return [(i, j) for i in range(states) for j in range(i + 1, states)]


def cosines(states: Array, i: int, j: int) -> Array:
    X, Y = states[:, i], states[:, j]
    product: Array = (X * Y).sum(1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1)
    return product


@pytest.mark.parametrize("block", range(4))
def test_errors_by_class_of_token_match_maps_fitted_anew(
    oracle: Oracle, measured: Measurement, block: int
) -> None:
    fit, new = oracle.of("train", "validation"), oracle.of("heldout", keep_first=True)
    ridge = validated_ridge(oracle, block, block + 1)
    mapped = shrunk_map(fit[:, block], fit[:, block + 1], ridge)
    X, Y = new[:, block], new[:, block + 1]
    kind = oracle.kind[oracle.role == "heldout"]
    counted = Y[kind != "first"]
    errors = ((Y - X - mapped.predict(X)) ** 2).sum(1)
    spread = ((counted - counted.mean(0)) ** 2).sum(1).mean()
    classes = measured.token_classes
    assert classes is not None

    assert {"first", "punctuation", "word_start", "word_inside"} <= set(classes.names)
    assert classes.tokens == [(kind == name).sum() for name in classes.names]
    wanted = [errors[kind == name].mean() / spread for name in classes.names]
    assert classes.error[block] == pytest.approx(wanted, rel=TOLERANCE)


@pytest.mark.parametrize("block", range(4))
def test_the_spread_of_single_errors_is_numpy_s(
    oracle: Oracle, measured: Measurement, block: int
) -> None:
    fit, new = oracle.of("train", "validation"), oracle.of("heldout")
    mapped = shrunk_map(fit[:, block], fit[:, block + 1], validated_ridge(oracle, block, block + 1))
    X, Y = new[:, block], new[:, block + 1]
    errors = ((Y - X - mapped.predict(X)) ** 2).sum(1) / ((Y - Y.mean(0)) ** 2).sum(1).mean()
    spread = measured.token_errors
    assert spread is not None
    between, _ = np.histogram(errors, spread.edges)
    wanted = [(errors < spread.edges[0]).sum(), *between, (errors >= spread.edges[-1]).sum()]

    # Rounding may carry an error that lies on an edge into the bin beside it.
    assert abs(np.array(spread.counts[block]) - wanted).sum() <= 2
    assert sum(spread.counts[block]) == spread.tokens == measured.tokens.heldout
    found = [values[block] for values in (spread.p50, spread.p95, spread.p99)]
    assert found == pytest.approx(np.quantile(errors, [0.5, 0.95, 0.99]), rel=TOLERANCE)
    assert errors.mean() == pytest.approx(1.0 - (measured.profile.r2_heldout[block] or 0.0))


def best_rotation(X: Array, Y: Array) -> float:
    A, B = X - X.mean(0), Y - Y.mean(0)
    A, B = A / np.linalg.norm(A), B / np.linalg.norm(B)
    R, scale = orthogonal_procrustes(A, B)
    return float(1 - ((B - scale * A @ R) ** 2).sum())


def spread(X: Array) -> dict[str, float]:
    shares = PCA().fit(X).explained_variance_ratio_
    return {"anisotropy": shares[0], "effective_rank": float(np.exp(entropy(shares)))}


def debiased_cka(X: Array, Y: Array) -> float:
    """Centre both Gram matrices without bias (Szekely and Rizzo, 2014), take their cosine."""
    n = len(X)

    def centred(K: Array) -> Array:
        K = K - np.diag(np.diag(K))
        sums = K.sum(0)
        K = K - sums / (n - 2) - sums[:, None] / (n - 2) + sums.sum() / (n - 1) / (n - 2)
        return np.asarray(K - np.diag(np.diag(K)))

    K, L = centred(X @ X.T), centred(Y @ Y.T)
    return float((K * L).sum() / np.linalg.norm(K) / np.linalg.norm(L))


def test_the_stream_has_no_sinks_so_only_first_tokens_are_left_out(
    oracle: Oracle, measured: Measurement
) -> None:
    norms = np.linalg.norm(oracle.states, axis=2)
    sinks = (norms > 30 * np.median(norms[~oracle.first], axis=0)).any(1) & ~oracle.first
    fit = np.isin(oracle.role, ["train", "validation"])

    assert sinks.sum() == measured.tokens.excluded_sinks == 0
    assert measured.tokens.excluded_first == oracle.first.sum()
    assert measured.tokens.fit == (fit & ~oracle.first).sum()
    assert measured.tokens.heldout == (~fit & ~oracle.first).sum()


def test_every_pair_equals_scikit_learn(oracle: Oracle, measured: Measurement) -> None:
    fit, new = oracle.of("train", "validation"), oracle.of("heldout")
    everything = oracle.of("train", "validation", "heldout")
    N, d = fit.shape[0], fit.shape[2]
    some = new[:: -(-len(new) // 2048)]
    for i, j in pairs():
        X, Y = fit[:, i], fit[:, j]
        r2_fit, update_r2_fit = least_squares_r2(X, Y), least_squares_r2(X, Y - X)
        rank = np.linalg.matrix_rank(X - X.mean(0))
        ridge = validated_ridge(oracle, i, j)
        update = shrunk_map(X, Y, ridge).predict(new[:, i])
        expected = {
            "r2_fit": r2_fit,
            "r2_adjusted": 1 - (1 - r2_fit) * (N - 1) / (N - rank - 1),
            "update_r2_fit": update_r2_fit,
            "update_r2_adjusted": 1 - (1 - update_r2_fit) * (N - 1) / (N - rank - 1),
            "r2_heldout": r2_score(new[:, j], new[:, i] + update, multioutput="variance_weighted"),
            "update_r2_heldout": r2_score(
                new[:, j] - new[:, i], update, multioutput="variance_weighted"
            ),
            "cosine": cosines(everything, i, j).mean(),
            "angular": (np.arccos(cosines(everything, i, j)) / np.pi).mean(),
            "cka": debiased_cka(some[:, i], some[:, j]),
        }
        assert measured.pairs.cka is not None
        assert rank <= d
        for name, value in expected.items():
            assert getattr(measured.pairs, name)[i][j] == pytest.approx(value, abs=TOLERANCE), (
                f"{name} of ({i}, {j})"
            )


def test_every_profile_number_equals_scikit_learn(oracle: Oracle, measured: Measurement) -> None:
    check_profile(oracle, measured.profile, keep_first=False)


def test_every_kept_number_equals_scikit_learn(oracle: Oracle, measured: Measurement) -> None:
    check_profile(oracle, measured.kept, keep_first=True)


def check_profile(oracle: Oracle, profile: Profile, *, keep_first: bool) -> None:
    fit = oracle.of("train", "validation", keep_first=keep_first)
    new = oracle.of("heldout", keep_first=keep_first)
    everything = oracle.of("train", "validation", "heldout", keep_first=keep_first)
    free = oracle.of("train", "validation")  # shrinkage is relative to the trace without sinks
    N = len(fit)
    norms = np.linalg.norm(everything, axis=2)
    for block in range(4):
        X, Y, new_X, new_Y = fit[:, block], fit[:, block + 1], new[:, block], new[:, block + 1]
        rank = np.linalg.matrix_rank(X - X.mean(0))
        scale = ((free[:, block] - free[:, block].mean(0)) ** 2).sum()
        ridge = validated_ridge(oracle, block, block + 1)
        predicted = new_X + shrunk_map(X, Y, ridge, scale).predict(new_X)
        r2_fit, update_r2_fit = least_squares_r2(X, Y), least_squares_r2(X, Y - X)
        moved = np.linalg.norm(everything[:, block + 1] - everything[:, block], axis=1)
        expected = {
            "r2_fit": r2_fit,
            "update_r2_fit": update_r2_fit,
            "r2_adjusted": 1 - (1 - r2_fit) * (N - 1) / (N - rank - 1),
            "update_r2_adjusted": 1 - (1 - update_r2_fit) * (N - 1) / (N - rank - 1),
            "r2_heldout": r2_score(new_Y, predicted, multioutput="variance_weighted"),
            "update_r2_heldout": r2_score(
                new_Y - new_X, predicted - new_X, multioutput="variance_weighted"
            ),
            "ridge": ridge,
            "block_influence": 1 - cosines(everything, block, block + 1).mean(),
            "update_norm_ratio": moved.mean() / norms[:, block].mean(),
            "state_norm": norms[:, block].mean(),
            "rotation_fit": best_rotation(X, Y),
            **spread(X),
        }
        for name, value in expected.items():
            assert getattr(profile, name)[block] == pytest.approx(value, abs=TOLERANCE), (
                f"{name} of block {block}"
            )
    last = {"state_norm": norms[:, 4].mean(), **spread(fit[:, 4])}
    for name, value in last.items():
        assert getattr(profile, name)[4] == pytest.approx(value, abs=TOLERANCE), name


def test_intervals_leave_out_one_document_at_a_time(oracle: Oracle, measured: Measurement) -> None:
    heldout = (oracle.role == "heldout") & ~oracle.first
    new, document = oracle.states[heldout], oracle.document[heldout]
    fit = oracle.of("train", "validation")
    ids = np.unique(document)
    for block in range(4):
        fitted = shrunk_map(
            fit[:, block], fit[:, block + 1], validated_ridge(oracle, block, block + 1)
        )
        X, Y = new[:, block], new[:, block + 1]
        predicted = X + fitted.predict(X)
        without = np.array(
            [
                r2_score(
                    Y[document != k], predicted[document != k], multioutput="variance_weighted"
                )
                for k in ids
            ]
        )
        K = len(ids)
        half_over_t = np.sqrt((K - 1) / K * ((without - without.mean()) ** 2).sum())
        interval = measured.profile.r2_heldout_ci95[block]
        assert interval is not None
        t = (interval[1] - interval[0]) / 2 / half_over_t

        assert measured.tokens.heldout_documents == K
        assert 1.96 < t < 2.6  # Student's t for K - 1 >= 5 degrees of freedom
        assert sum(interval) / 2 == pytest.approx(measured.profile.r2_heldout[block], abs=1e-9)


def test_r2_fit_equals_the_official_code_in_float64(oracle: Oracle, measured: Measurement) -> None:
    fit = torch.from_numpy(oracle.of("train", "validation"))
    for block in range(4):
        X, Y = fit[:, block], fit[:, block + 1]

        assert measured.profile.r2_fit[block] == pytest.approx(
            float(llm_microscope.procrustes_similarity(X, Y)), abs=TOLERANCE
        )
        assert measured.profile.update_r2_fit[block] == pytest.approx(
            float(llm_microscope.procrustes_similarity(X, Y - X)), abs=TOLERANCE
        )
