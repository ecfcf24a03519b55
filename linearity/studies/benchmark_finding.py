"""The sentence that says what a plan does to the answers of a task, in English and Japanese."""

from collections.abc import Sequence

from linearity.contracts.benchmark import OWN_TASK, PairedScore, TaskScores

CAUTION_EN = "Multiple choice alone calls no plan harmless: look at free answers too."
CAUTION_JA = "多肢選択問題だけでは、無害な計画とは言えません。自由回答も確認してください。"
MOST_NAMED = 3


def benchmark_finding(tasks: Sequence[TaskScores]) -> dict[str, str]:
    """Return the finding: accuracy of both models on each task, the difference, its interval."""
    told = [task for task in tasks if task.scores][:MOST_NAMED]
    more = len(tasks) - len(told)
    more_en = f" {more} more tasks stand below." if more else ""
    more_ja = f"ほか {more} 件のタスクは下にあります。" if more else ""
    return {
        "en": f"{' '.join(map(_english, told))}{more_en} {CAUTION_EN}",
        "ja": f"{''.join(map(_japanese, told))}{more_ja}{CAUTION_JA}",
    }


def _english(task: TaskScores) -> str:
    score = task.scores[0]
    what = "own questions" if task.task == OWN_TASK else f"questions of {task.task}"
    interval = ""
    if score.ci95 is not None:
        low, high = (100 * end for end in score.ci95)
        interval = f", paired 95 % interval {low:+.1f} to {high:+.1f}"
    return (
        f"Of {task.questions:,} {what} the dense model answers "
        f"{100 * score.dense:.1f} % right and the changed model {100 * score.changed:.1f} % "
        f"({_points(score)} points{interval}); {score.lost:,} are lost, {score.gained:,} gained."
    )


def _japanese(task: TaskScores) -> str:
    score = task.scores[0]
    name = "自分の問題" if task.task == OWN_TASK else task.task
    interval = ""
    if score.ci95 is not None:
        low, high = (100 * end for end in score.ci95)
        interval = f"、対応のある 95 % 区間 {low:+.1f}〜{high:+.1f}"
    return (
        f"{name} {task.questions:,} 問の正答率は、元のモデルが {100 * score.dense:.1f} %、"
        f"変更後が {100 * score.changed:.1f} % です({_points(score)} ポイント{interval})。"
        f"{score.lost:,} 問が新たに誤答、{score.gained:,} 問が新たに正答になりました。"
    )


def _points(score: PairedScore) -> str:
    return f"{100 * score.diff:+.1f}"
