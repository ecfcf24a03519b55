"""The text of a `linearity` run: which windows are read, and what to know about how they are."""

from collections.abc import Sequence
from dataclasses import replace

from linearity.contracts.inputs import Document
from linearity.contracts.linearity import LinearityParams
from linearity.contracts.runs import RunWarning
from linearity.measure.paper_windows import characters_of, paper_windows
from linearity.measure.sampling import SamplingPlan, sample_windows
from linearity.measure.windows import Window
from linearity.models.loaded import LoadedModel
from linearity.studies.paper_warnings import paper_warnings
from linearity.studies.record_warnings import record_warnings
from linearity.studies.scripts import RecordScripts


class Text:
    """The records of a dataset, as a run reads them.

    Parameters
    ----------
    model : LoadedModel
    documents : sequence of str or Document
    params : LinearityParams
    """

    def __init__(
        self, model: LoadedModel, documents: Sequence[str | Document], params: LinearityParams
    ) -> None:
        self._model = model
        self._records = [Document(item) if isinstance(item, str) else item for item in documents]
        self._texts = [record.text for record in self._records]
        self._scripts = RecordScripts(
            model, self._records, template=params.template, score=params.score
        )

    def windows(self, params: LinearityParams) -> list[Window]:
        """Return the windows that these parameters choose."""
        model = self._model
        if params.in_sample:
            return paper_windows(
                self._texts,
                model.tokenize,
                seed=params.seed,
                context=params.context,
                bos=model.bos,
            )
        return sample_windows(
            self._texts,
            model.tokenize,
            SamplingPlan(params.tokens, params.context, params.heldout, params.seed, model.bos),
            [record.category for record in self._records],
            self._scripts,
        )

    def warnings(self, params: LinearityParams, windows: Sequence[Window]) -> list[RunWarning]:
        """Return what to know about how the text was read."""
        about_model = [_behind_norm()] if self._model.layout.family.is_encoder else []
        if params.in_sample:
            return about_model + paper_warnings(windows, characters_of(self._texts))
        return about_model + record_warnings(self._scripts, windows)


def _behind_norm() -> RunWarning:
    return RunWarning(
        "behind_norm",
        "This is an encoder: its states are the outputs of whole blocks, behind their LayerNorm. "
        "What a block adds is the difference of two such states, so it also holds what the norm "
        "takes away; do not compare update scores with those of a decoder.",
    )


def repeated(params: LinearityParams, part: int) -> LinearityParams:
    """Return the parameters of a repeat; part 0 is the run itself."""
    return replace(params, seed=params.seed + part)
