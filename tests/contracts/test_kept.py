"""What results keep in the store beside themselves."""

from typing import Any

import pytest

from linearity.contracts.kept import KeptObject, kept_objects

ONE, TWO = "1" * 64, "2" * 64
FILES = [
    {"name": "config.json", "bytes": 10, "sha256": ONE},
    {"name": "copy.json", "bytes": 10, "sha256": ONE},
    {"name": "model.safetensors", "bytes": 20, "sha256": TWO},
]


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        ({"kind": "linearity", "files": FILES}, []),
        ({"kind": "heal", "weights": None}, []),
        ({"kind": "heal", "weights": {"sha256": ONE, "bytes": 7}}, [KeptObject(ONE, 7)]),
        ({"kind": "export", "files": FILES}, [KeptObject(ONE, 10), KeptObject(TWO, 20)]),
    ],
)
def test_objects_are_those_that_the_kind_names(
    result: dict[str, Any], kept: list[KeptObject]
) -> None:
    assert kept_objects(result) == kept
