"""What to know about scores of multiple-choice questions."""

from collections.abc import Sequence

from linearity.contracts.benchmark import PairedScore, TaskScores
from linearity.contracts.runs import RunWarning

FEW_QUESTIONS = 200
RULE_OF_THREE = 3.0
"""What none of n shows is below 3 / n with 95 % confidence (Hanley and Lippman-Hand, 1983)."""
CHANCE_ERRORS = 2.0


def benchmark_warnings(tasks: Sequence[TaskScores], *, cut: int) -> list[RunWarning]:
    """Return what to know about the scores of every task.

    Parameters
    ----------
    tasks : sequence of TaskScores
    cut : int
        Choices whose question did not fit into the model's input whole.
    """
    warnings = [warning for task in tasks for warning in _task_warnings(task)]
    if cut:
        warnings.append(
            RunWarning(
                "cut_questions",
                f"{cut:,} choices stand behind a question longer than the model's input: its "
                "beginning was left out",
                {"choices": cut},
            )
        )
    return warnings


def _task_warnings(task: TaskScores) -> list[RunWarning]:
    warnings = [_few(task)] if task.questions < FEW_QUESTIONS else []
    if not task.scores:
        return warnings
    score = task.scores[0]
    if not score.lost and not score.gained:
        warnings.append(_unmoved(task))
    if task.chance is not None and _lowest(score) <= task.chance:
        warnings.append(_near_chance(task, score, task.chance))
    return warnings


def _lowest(score: PairedScore) -> float:
    return score.dense - CHANCE_ERRORS * (score.dense_se or 0.0)


def _few(task: TaskScores) -> RunWarning:
    return RunWarning(
        "few_questions",
        f"{task.task}: only {task.questions:,} questions, one of them moves the accuracy by "
        f"{100 / task.questions:.1f} points",
        {"task": task.task, "questions": task.questions, "needed": FEW_QUESTIONS},
    )


def _unmoved(task: TaskScores) -> RunWarning:
    most = min(RULE_OF_THREE / task.questions, 1.0)
    return RunWarning(
        "no_answer_moved",
        f"{task.task}: no question was lost or gained; among {task.questions:,} that excludes only "
        f"more than {100 * most:.1f} % of them",
        {"task": task.task, "questions": task.questions, "percent": round(100 * most, 1)},
    )


def _near_chance(task: TaskScores, score: PairedScore, chance: float) -> RunWarning:
    return RunWarning(
        "near_chance",
        f"{task.task}: the dense model is not clearly better than guessing "
        f"({100 * score.dense:.1f} % against {100 * chance:.1f} %), so the task cannot show what a "
        "plan breaks",
        {
            "task": task.task,
            "percent": round(100 * score.dense, 1),
            "chance": round(100 * chance, 1),
        },
    )
