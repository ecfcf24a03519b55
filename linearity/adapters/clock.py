"""Wall-clock time as the text that the state database and the API use."""

from datetime import UTC, datetime, timedelta


def utc_now() -> str:
    """Return the present moment as ISO 8601 text, UTC, milliseconds, ending in Z."""
    return _text(datetime.now(UTC))


def utc_before(seconds: float) -> str:
    """Return the moment `seconds` ago; texts of this module sort like the moments they name."""
    return _text(datetime.now(UTC) - timedelta(seconds=seconds))


def later(moment: str, *, days: float) -> str:
    """Return the moment that lies `days` after `moment`."""
    return _text(moment_of(moment) + timedelta(days=days))


def age_seconds(moment: str) -> float:
    """Return how long ago `moment` was; 0 if it lies in the future."""
    return max((datetime.now(UTC) - moment_of(moment)).total_seconds(), 0.0)


def moment_of(moment: str) -> datetime:
    """Return the moment that a text names."""
    return datetime.fromisoformat(moment.replace("Z", "+00:00"))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
