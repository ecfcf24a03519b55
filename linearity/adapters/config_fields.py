"""Reading fields of a JSON object with their bounds; what breaks one becomes a finding."""

from collections.abc import Mapping, Sequence

from linearity.adapters.findings import Findings
from linearity.contracts.canonical import Json


class Fields:
    """The fields of one object of one file."""

    def __init__(
        self, values: Mapping[str, Json], file: str, findings: Findings, *, below: str = ""
    ) -> None:
        self.values = values
        self._file = file
        self._findings = findings
        self._below = below

    def whole(self, name: str, low: int, high: int, *, default: int | None = None) -> int:
        """Return a whole number from `low` to `high`; `low` where it is not one."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if type(value) is int and low <= value <= high:
            return value
        self.refuse(name, f"a whole number from {low:,} to {high:,}", limit=high)
        return low

    def number(self, name: str, low: float, high: float, *, default: float | None = None) -> float:
        """Return a number from `low` to `high`; `low` where it is not one."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if type(value) in (int, float) and low <= float(str(value)) <= high:
            return float(str(value))
        self.refuse(name, f"a number from {low:g} to {high:g}", limit=high)
        return low

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false; `default` where it is neither."""
        value = self.values.get(name)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.refuse(name, "true or false")
        return default

    def choice(self, name: str, known: Sequence[str], *, default: str) -> str:
        """Return one of the `known` words; `default` where it is none of them."""
        value = self.values.get(name)
        if isinstance(value, str) and value in known:
            return value
        if value is not None:
            self.refuse(name, "one of " + ", ".join(known))
        return default

    def given(self, *names: str) -> str:
        """Return the first of some names that has a value; the first of all where none has."""
        return next((name for name in names if self.values.get(name) is not None), names[0])

    def within(self, name: str, values: Mapping[str, Json]) -> "Fields":
        """Return the fields of an object inside this one."""
        return Fields(values, self._file, self._findings, below=f"{self._below}{name}.")

    def refuse(self, name: str, wanted: str, *, limit: Json = None) -> None:
        """Note that the value of a field is not what was wanted."""
        value = self.values.get(name)
        came = "missing" if value is None else repr(value)[:40]
        self._findings.refuse(
            "bad_config",
            f"{self._file}: {self._below}{name} is {came}, wanted {wanted}",
            file=self._file,
            field=self._below + name,
            bounds=(limit, value if isinstance(value, int | float) else came),
        )
