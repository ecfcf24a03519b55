"""Dragging files from the desktop onto the page, with the browser's own events."""

from pathlib import Path

from playwright.sync_api import Locator


def drop(zone: Locator, *paths: Path) -> None:
    """Drop files or folders onto a place, as a person does: in, over, let go."""
    zone.scroll_into_view_if_needed()
    box = zone.bounding_box()
    assert box is not None
    place = {"x": box["x"] + 20, "y": box["y"] + 20}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = zone.page.context.new_cdp_session(zone.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    session.detach()
