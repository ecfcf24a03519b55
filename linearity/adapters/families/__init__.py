"""What a model's files must look like, one small module a family or a few siblings.

A reader takes the fields of ``config.json`` and says, in plain data and without torch: the sizes;
the fields that transformers is given, each within bounds; and every weight by name and shape.
Where a family keeps its parts and what a run may ask of it is a row of
`linearity.contracts.families`.
"""
