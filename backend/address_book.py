"""The OpenAPI document as one plain page: no script and no other host, unlike the usual viewers."""

import html
from collections.abc import Mapping
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>LinearScope HTTP API</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto }}
body {{ padding: 0 1rem }}
code {{ font-size: .95em; overflow-wrap: anywhere }}
dt {{ margin-top: 1rem }}
</style>
</head>
<body>
<h1>LinearScope HTTP API {version}</h1>
<p>The same for programs: <a href="/openapi.json">/openapi.json</a>.
Errors are <code>application/problem+json</code> (RFC 9457).</p>
<dl>
{entries}
</dl>
<p><a href="/">Back to LinearScope</a></p>
</body>
</html>
"""


def describe_routes(openapi: Mapping[str, Any]) -> str:
    """Return the page: every method and address with its sentence, parameters and body fields."""
    entries = [
        _entry(method, path, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    ]
    return _PAGE.format(version=html.escape(openapi["info"]["version"]), entries="\n".join(entries))


def _entry(method: str, path: str, operation: Mapping[str, Any]) -> str:
    names = [
        f"{item['name']} ({item['in']})"
        for item in operation.get("parameters", [])
        if item["in"] != "header"
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    names += [f"{name} (body)" for name in body.get("schema", {}).get("properties", {})]
    sentence = html.escape(operation.get("description", ""))
    known = "".join(f"<br><code>{html.escape(name)}</code>" for name in names)
    return f"<dt><code>{method.upper()} {html.escape(path)}</code></dt><dd>{sentence}{known}</dd>"
