"""What the documents point at is there: links, headings, files and settings."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / name / "README.md" for name in ("linearity", "tests")),
]
FOLDERS = ("backend", "benchmarks", "docker", "linearity", "tests", "workers")
NOT_SETTINGS = {"LINEARSCOPE_INTERNAL_TOKEN", "LINEARSCOPE_SUPERVISED"}
"""What the supervisor tells its own children."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", document.read_text())
    broken = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        is_page = target.suffix == ".md" and target.exists()
        if not target.exists() or (anchor and is_page and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_python_file_that_is_named_exists() -> None:
    known = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    named = {
        Path(name).name
        for document in DOCUMENTS
        for name in re.findall(r"`[\w/.]*?(\w+\.py)`", document.read_text())
    }

    assert len(named) > 30
    assert named - known == set()


def test_every_setting_is_described_and_every_described_one_is_read() -> None:
    code = "\n".join(
        path.read_text()
        for folder in ("backend", "linearity", "workers")
        for path in (ROOT / folder).rglob("*.py")
    )
    table = (ROOT / "docs" / "operations.md").read_text().partition("## Settings")[2]
    described = set(re.findall(r"`(LINEARSCOPE_[A-Z_]+)`", table.partition("\n## ")[0]))
    read = set(re.findall(r'"(LINEARSCOPE_[A-Z_]+)"', code)) - NOT_SETTINGS

    assert len(read) > 10
    assert described == read


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
