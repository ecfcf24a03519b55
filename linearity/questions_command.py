"""`python -m linearity questions`: own questions as a task folder of lm-evaluation-harness."""

import os
from pathlib import Path

from linearity.errors import LinearScopeError
from linearity.progress_bar import say, say_problem


def questions_command(questions: str, *, out: str, ending: str) -> int:
    """Write the rows that a benchmark run asks into a folder; return the exit code.

    `questions` is a file, or the fingerprint of a dataset that was read before.
    """
    from linearity.adapters.harness_folder import write_task_folder
    from linearity.adapters.harness_questions import load_questions, with_questions
    from linearity.adapters.settings import read_settings
    from linearity.adapters.store import ArtifactStore

    try:
        store = ArtifactStore(read_settings(os.environ).store)
        named = with_questions({"questions": questions}, store=store, log=say)
        found = load_questions(str(named["questions"]), store)
        write_task_folder(found, Path(out), ending=ending)
    except LinearScopeError as error:
        say_problem(error)
        return 2
    except OSError as error:
        say(f"{out}: {error.strerror}")
        return 2
    say(f"wrote {len(found):,} questions into {out}: lm-eval takes it as --include_path {out}")
    return 0
