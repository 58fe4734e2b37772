"""ES modules as one function body, the form in which a `gr.HTML` component takes its script.

The JavaScript of the page is written as ES modules (so that linters, Node's tests and readers know it), but Gradio runs
a component's script as the body of a function. Joining them when the page is built needs no build tool, no further
request and no address of its own, so it works offline, behind a proxy under a sub-path and on Spaces alike.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

UI = Path(__file__).parents[1]
IMPORT = re.compile(
    r'^import (?:(?P<default>\w+)|\{(?P<names>[^}]*)\}) from "(?P<path>\.{1,2}/[^"]+)";\n', re.MULTILINE
)
EXPORT = re.compile(
    r"^export (?P<default>default )?(?=(?:async function|function|class|const) (?P<name>\w+))", re.MULTILINE
)
OTHER = re.compile(r"^\s*(?:import|export)\b.*", re.MULTILINE)
CONTEXT = "{ element, trigger, props, server, upload, watch }"  # what Gradio hands to a component's script


@lru_cache(maxsize=64)
def bundle(entry: Path) -> str:
    """`entry` and all it imports, each module once and in its own scope; then a call of its default export.

    Allowed are `import { a, b as c } from "./file.js";` and `import a from "./file.js";` at the beginning of a line,
    and `export` or `export default` before a function, class or const.

    Raises:
        ValueError: another form of import or export, a circle of imports, or a module without a default export.
        OSError: a module does not exist.
    """
    parts: dict[Path, str] = {}
    _collect(entry.resolve(), parts, ())
    if not any(match["default"] for match in EXPORT.finditer(_text(entry))):
        raise ValueError(f"{entry.name} has no default export.")
    return "\n".join([*parts.values(), f"{_name(entry.resolve())}.default({CONTEXT});"])


def _collect(path: Path, parts: dict[Path, str], above: tuple[Path, ...]) -> None:
    """Add the module and, before it, what it imports."""
    if path in above:
        raise ValueError(f"The modules {', '.join(p.name for p in (*above, path))} import each other in a circle.")
    if path in parts:
        return
    text = _text(path)
    for match in IMPORT.finditer(text):
        _collect((path.parent / match["path"]).resolve(), parts, (*above, path))
    exports = ["default: " + m["name"] if m["default"] else m["name"] for m in EXPORT.finditer(text)]
    body = EXPORT.sub("", IMPORT.sub(lambda match: _bound(match, path), text))
    if odd := OTHER.search(body):
        raise ValueError(f"{path.name}: {odd[0].strip()!r} is no form of import or export that can be joined.")
    parts[path] = f"const {_name(path)} = (() => {{\n{body}\nreturn {{ {', '.join(exports)} }};\n}})();"


def _bound(match: re.Match[str], path: Path) -> str:
    """The line that stands for an import."""
    names = (
        re.sub(r"\s+as\s+", ": ", match["names"].strip().strip(","))
        if match["names"]
        else f"default: {match['default']}"
    )
    return f"const {{ {' '.join(names.split())} }} = {_name((path.parent / match['path']).resolve())};\n"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _name(path: Path) -> str:
    """A name for a module that no code of ours uses."""
    inside = path.relative_to(UI) if path.is_relative_to(UI) else Path(path.name)
    return "$" + re.sub(r"\W", "_", str(inside.with_suffix("")))
