"""The page leaves out the files that the server would refuse: the two lists agree."""

import re

from linearity.contracts.model_files import (
    INDEX,
    NOTICE,
    REFUSED_KINDS,
    SMALL_FILES,
    VOCABULARIES,
)
from tests.frontend.sources import FRONTEND, read

SOURCE = read(FRONTEND / "model_files.js")


def test_the_page_keeps_the_small_files_that_the_server_takes() -> None:
    block = SOURCE.partition("const SMALL = [")[2].partition("];")[0]

    assert set(re.findall(r'"([^"]+)"', block)) == {*SMALL_FILES, INDEX}


def test_the_page_keeps_what_is_only_copied_into_an_export() -> None:
    beside = SOURCE.partition("const BESIDE = [")[2].partition("];")[0]
    notice = re.search(r"const NOTICE = /\^(.+)\$/i;", SOURCE)

    assert tuple(re.findall(r'"([^"]+)"', beside)) == VOCABULARIES
    assert notice
    assert notice[1] == NOTICE.pattern


def test_the_page_knows_what_the_server_never_reads() -> None:
    told = {
        f".{end}": reason
        for reason, ends in re.findall(r'\["(\w+)", /\\\.\(([^)]+)\)\$/i\]', SOURCE)
        for end in ends.split("|")
    }

    assert told == REFUSED_KINDS
