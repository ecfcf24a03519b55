"""One file that is being uploaded: a plain value that crosses processes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UploadRow:
    """One declared file: how much of it is on the disk, its digest once all of it is."""

    id: str
    kind: str
    input: str
    owner: str
    name: str
    size: int
    received: int
    sha256: str | None
    touched: str

    @property
    def is_whole(self) -> bool:
        """Whether every byte is here."""
        return self.received == self.size
