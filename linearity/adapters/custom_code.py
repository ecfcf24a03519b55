"""The code that an export with linear blocks carries along, for machines without this package.

It is the file of this package, with the two classes of the family behind it. Nothing here ever
runs the code of a folder; who has the package needs none.
"""

import inspect
from pathlib import Path

from linearity.contracts.families import CUSTOM_PREFIX, FAMILIES
from linearity.models import linearized

MODULE = "modeling_linearscope"

_CLASSES = '''

class {config}(transformers.{base_config}):
    """A {base_config} that names entries which are linear maps in ``linear_blocks``."""

    model_type = "{model_type}"


class {model}(LinearBlocks, transformers.{base}):
    """A {base} in which some blocks are one linear map."""

    config_class = {config}
    blocks_path = "{blocks}"
    answers_tuple = {answers_tuple}
'''


def write_code(folder: Path, model_type: str, config_class: str) -> dict[str, str]:
    """Write the file, and return the ``auto_map`` of config.json that names its classes.

    Parameters
    ----------
    folder : Path
    model_type : str
        Of the export.
    config_class : str
        Name of its configuration's class, ``Linear`` before that of transformers.
    """
    family = FAMILIES[model_type.removeprefix(CUSTOM_PREFIX)]
    model = f"Linear{family.architecture}"
    classes = _CLASSES.format(
        config=config_class,
        base_config=config_class.removeprefix("Linear"),
        model_type=model_type,
        model=model,
        base=family.architecture,
        blocks=f"{family.decoder}.{family.blocks}",
        answers_tuple=family.has_tuples,
    )
    source = inspect.getsource(linearized).replace(
        "import torch\n", "import torch\nimport transformers\n", 1
    )
    (folder / f"{MODULE}.py").write_text(source + classes, encoding="utf-8")
    return {"AutoConfig": f"{MODULE}.{config_class}", "AutoModelForCausalLM": f"{MODULE}.{model}"}
