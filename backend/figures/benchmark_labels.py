"""The words of the figures of the kind `benchmark`."""

from linearity.contracts.runs import Language

BENCHMARK_LABELS: dict[Language, dict[str, str]] = {
    "en": {
        "accuracy_axis": "right answers (%)",
        "difference_axis": "changed minus dense (percentage points)",
        "dense_model": "dense model",
        "changed_model": "changed model",
        "chance": "guessing",
        "acc": "likeliest choice",
        "acc_norm": "likeliest a character",
        "own_questions": "own questions",
        "task_questions": "{questions} questions",
        "paired_interval": "paired 95 % interval",
        "lost_gained": "{lost} lost, {gained} gained",
    },
    "ja": {
        "accuracy_axis": "正答率(%)",
        "difference_axis": "変更後 − 元(パーセントポイント)",
        "dense_model": "元のモデル",
        "changed_model": "変更後のモデル",
        "chance": "当て推量",
        "acc": "最も確率の高い選択肢",
        "acc_norm": "1 文字あたりで最も確率の高い選択肢",
        "own_questions": "自分の問題",
        "task_questions": "{questions} 問",
        "paired_interval": "対応のある 95 % 区間",
        "lost_gained": "新たな誤答 {lost} 問、新たな正答 {gained} 問",
    },
}
