"""HTML that is safe by construction: every text is escaped unless it was made here."""

import html


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


EMPTY = Markup("")


def element(name: str, *children: str | None, **attributes: str | None) -> Markup:
    """Return an element; ``class_`` stands for class, ``data_x`` for data-x, None leaves out."""
    spelled = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{spelled}>{join(*children)}</{name}>")


def join(*children: str | None) -> Markup:
    """Return children one after the other; plain texts are escaped, None is nothing."""
    return Markup("".join(_spelled(child) for child in children if child is not None))


def _spelled(child: str) -> str:
    return child if isinstance(child, Markup) else html.escape(child)
