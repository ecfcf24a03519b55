"""The columns and numbers of a `linearity` table, and what they are called in each language."""

from backend.figures.labels import LABELS
from linearity.contracts.linearity import TOKEN_CLASSES

COLUMNS = (
    "table", "from_state", "to_state", "block", "token_class", "seen_tokens", "seed",
    "from_error", "to_error", "metric", "value", "low", "high",
)  # fmt: skip

MATRICES = (
    "r2_fit", "r2_adjusted", "r2_heldout",
    "update_r2_fit", "update_r2_adjusted", "update_r2_heldout", "cosine", "angular", "cka",
)  # fmt: skip
VECTORS = (
    "r2_fit", "r2_adjusted", "r2_heldout",
    "update_r2_fit", "update_r2_adjusted", "update_r2_heldout",
    "ridge", "block_influence", "update_norm_ratio", "rotation_fit", "rank", "condition",
)  # fmt: skip
STATE_METRICS = ("state_norm", "anisotropy", "effective_rank")

WORDS: dict[str, tuple[str, str]] = {
    # columns
    "table": ("Table", "表"),
    "from_state": ("From state", "入力側の状態"),
    "to_state": ("To state", "出力側の状態"),
    "block": ("Block (from 0)", "層(番号は0から)"),
    "token_class": ("Class of token", "トークンの種類"),
    "seed": ("Seed of the split", "分割のシード"),
    "seen_tokens": ("Tokens seen", "処理したトークン数"),
    "from_error": ("Error from (included) [0 or more]", "誤差の下端(含む)[0以上]"),
    "to_error": ("Error to (left out) [0 or more]", "誤差の上端(含まない)[0以上]"),
    "metric": ("Metric", "指標"),
    "value": ("Value", "値"),
    "low": ("95 % interval, low", "95 %区間の下限"),
    "high": ("95 % interval, high", "95 %区間の上限"),
    # tables
    "pairs": ("Every pair of states", "すべての状態の組"),
    "profile": ("Profile, chosen tokens", "層ごとの値(選んだトークン)"),
    "kept": ("Profile, all tokens kept", "層ごとの値(全トークン)"),
    "token_classes": ("Error by class of token", "トークンの種類ごとの誤差"),
    "repeats": ("Profile on other splits", "別の分割での値"),
    "sample_sizes": ("Profile after fewer tokens", "途中のトークン数での値"),
    "token_errors": ("Errors of single tokens", "個々のトークンの誤差"),
    # metrics, with their units
    "r2_fit": (
        "Linearity score, in-sample (the paper's generalised Procrustes similarity) [share, 0-1]",
        "線形性スコア(同じデータで計算。論文のプロクルステス類似度)[割合 0-1]",
    ),
    "r2_adjusted": ("Linearity score, adjusted [share]", "線形性スコア(自由度調整済み)[割合]"),
    "r2_heldout": ("Linearity score, held out [share]", "線形性スコア(別データで計算)[割合]"),
    "update_r2_fit": (
        "Linearity of the update alone, in-sample [share, 0-1]",
        "更新分だけの線形性(同じデータで計算)[割合 0-1]",
    ),
    "update_r2_adjusted": (
        "Linearity of the update alone, adjusted [share]",
        "更新分だけの線形性(自由度調整済み)[割合]",
    ),
    "update_r2_heldout": (
        "Linearity of the update alone, held out [share]",
        "更新分だけの線形性(別データで計算)[割合]",
    ),
    "cosine": ("Cosine similarity [-1 to 1]", "コサイン類似度[-1~1]"),
    "angular": ("Angular distance [0-1]", "角度距離[0-1]"),
    "cka": ("CKA [0-1]", "CKA[0-1]"),
    "ridge": ("Ridge, relative [no unit]", "リッジ(相対値)[単位なし]"),
    "block_influence": ("Block influence [0-2]", "層の影響度[0-2]"),
    "update_norm_ratio": ("Norm of update / norm of state [ratio]", "更新分と状態のノルム比[比]"),
    "rotation_fit": ("Fit of a rotation [share, 0-1]", "回転による近似[割合 0-1]"),
    "state_norm": ("Norm of the state [model units]", "状態のノルム[モデル内部の単位]"),
    "anisotropy": ("Anisotropy [0-1]", "異方性[0-1]"),
    "effective_rank": ("Effective rank [dimensions]", "有効ランク[次元]"),
    "rank": ("Numerical rank of the state before [dimensions]", "入力側の状態の数値的ランク[次元]"),
    "condition": (
        "Condition number of the state before [ratio]",
        "入力側の状態の条件数[比]",
    ),
    "error": ("Share not explained [0 or more]", "説明できない割合[0以上]"),
    "tokens": ("Held-out tokens", "検証データのトークン数"),
    "p50": ("Error, median token [0 or more]", "誤差の中央値[0以上]"),
    "p95": ("Error, 95th percentile [0 or more]", "誤差の95パーセンタイル[0以上]"),
    "p99": ("Error, 99th percentile [0 or more]", "誤差の99パーセンタイル[0以上]"),
    **{
        name: (LABELS["en"][f"class_{name}"], LABELS["ja"][f"class_{name}"])
        for name in TOKEN_CLASSES
    },
}

LANGUAGES = ("en", "ja")
FOR_EXCEL: dict[str, dict[str, str]] = {
    language: {key: words[index] for key, words in WORDS.items()}
    for index, language in enumerate(LANGUAGES)
}
