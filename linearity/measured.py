"""A result in a Python session: its numbers, a table, figures, a short look, a file."""

import html
import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linearity.contracts.canonical import Json, strict_loads
from linearity.errors import InvalidParameterError, MissingPackageError

LANGUAGES = ("en", "ja")


class Measured(Mapping[str, Any]):
    """The result of a run; reads like the JSON that it is (docs/api.md has every field)."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        self._result = dict(result)

    @classmethod
    def of(cls, computed: Mapping[str, Json]) -> "Measured":
        """Return a result that was just computed, as it would be read from its file."""
        from linearity.adapters.results import result_bytes

        value = strict_loads(result_bytes(computed))
        assert isinstance(value, dict)
        return cls(value)

    def __getitem__(self, name: str) -> Any:
        return self._result[name]

    def __iter__(self) -> Any:
        return iter(self._result)

    def __len__(self) -> int:
        return len(self._result)

    @property
    def id(self) -> str:
        """Id of the run: the digest of the question."""
        return str(self._result["id"])

    @property
    def kind(self) -> str:
        """What was asked: linearity, ablation, plan or answers."""
        return str(self._result["kind"])

    @property
    def finding(self) -> str:
        """The answer in one English sentence."""
        return str(self._result["finding"]["en"])

    @property
    def warnings(self) -> list[str]:
        """What a reader must know, one sentence each."""
        return [str(warning["message"]) for warning in self._result["warnings"]]

    def frame(self, table: str | None = None) -> Any:
        """Return every number as a pandas DataFrame, a row a number, as in the CSV.

        Parameters
        ----------
        table : str, optional
            Only these rows, for example ``profile``; columns that are then empty are left out.

        Raises
        ------
        MissingPackageError
            Without pandas.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ModuleNotFoundError as error:
            raise MissingPackageError("pandas") from error
        kind = _drawing("backend.exports").TABLES[self.kind]
        frame = pandas.DataFrame(list(kind.rows(self._result)), columns=list(kind.columns))
        if table is None:
            return frame
        known = list(dict.fromkeys(frame["table"]))
        if table not in known:
            raise InvalidParameterError("table", wanted=f"one of {', '.join(known)}", got=table)
        rows = frame[frame["table"] == table].dropna(axis=1, how="all")
        return rows.drop(columns="table").reset_index(drop=True)

    def figure(self, name: str | None = None, **options: str) -> Any:
        """Return a picture of the result as a Plotly figure.

        Parameters
        ----------
        name : str, optional
            As in the API, for example ``heatmap``; the kind's first by default.
        **options
            ``lang`` ("en", "ja"), ``theme`` ("light", "dark"), and what docs/api.md names.

        Raises
        ------
        InvalidParameterError
            If results of this kind have no such figure.
        MissingPackageError
            Without plotly.
        """
        try:
            objects = importlib.import_module("plotly.graph_objects")
        except ModuleNotFoundError as error:
            raise MissingPackageError("plotly") from error
        figures = _drawing("backend.figures.figure")
        first = next(iter(figures.FIGURES[self.kind]), "")
        drawn = figures.figure(name or first, self._result, {"lang": "en", **options})
        layout = {key: value for key, value in drawn["layout"].items() if value is not None}
        return objects.Figure({"data": drawn["data"], "layout": layout})

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result as the JSON that `load`, the page and ``verify`` read."""
        from linearity.adapters.results import result_bytes

        target = Path(path)
        target.write_bytes(result_bytes(self._result))
        return target

    def __repr__(self) -> str:
        """Say in a few lines what was found."""
        model, dataset = self._result["model"], self._result["dataset"]
        head = f"{self.kind} of {model['name']} on {dataset['name']}, run {self.id[:12]}"
        return "\n".join([head, self.finding, *(f"Note: {text}" for text in self.warnings)])

    def _repr_html_(self) -> str:
        head, *rest = repr(self).splitlines()
        lines = "".join(f"<br>{html.escape(line)}" for line in rest)
        return f"<p><strong>{html.escape(head)}</strong>{lines}</p>"


def _drawing(module: str) -> Any:
    """Return a module that draws or tabulates results.

    It belongs to the page, which the library does not know: it is asked for by name, only when a
    picture or table is wanted, and may be absent (docs/decisions/0029-python-face.md).
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingPackageError(str(error.name or module)) from error
