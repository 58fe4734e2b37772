"""The arrows of the package: imports point down, and never in a circle; the page's folders stand beside each other."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from pathlib import Path

import pytest

import mmdemo

ROOT = Path(mmdemo.__file__).parent
TABS = ("image", "text", "audio", "codebook", "generate")

# From the ground up. A file or folder may import from the lines above its own, and nothing else.
LAYERS = (
    ("errors", "checks", "registry", "isolation", "threads"),
    ("config", "files", "hub", "metrics"),
    ("checkpoints", "modalities", "quantizers", "outputs"),
    ("tokenizers", "entropy", "prompts", "emoji", "console"),
    ("tokens",),
    ("codec",),
    ("diffusion", "loading"),
    ("digits", "speech"),
    ("datasets",),
    ("training", "generation", "api", "batch"),
    ("evaluation",),
    ("ui",),
    ("cli_data",),
    ("cli",),
    ("__init__", "__main__"),
)


def _module(path: Path) -> str:
    return ".".join(("mmdemo", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {_module(path): path for path in ROOT.rglob("*.py")}


def imports(module: str, types: bool = True) -> set[str]:
    """Modules of the package that one imports, anywhere in its text, also in functions; ``types``: and for types."""
    path, found = MODULES[module], set()
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    tree = ast.parse(path.read_text("utf-8"))
    alone = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not types
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in alone:
            continue
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name in MODULES}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {n for a in node.names if (n := f"{name}.{a.name}") in MODULES or (n := name) in MODULES}
    return found - {module}


def room(module: str) -> str:
    """The file or folder right under the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_every_room_has_its_layer():
    known = [name for layer in LAYERS for name in layer]
    assert sorted({room(m) for m in MODULES}) == sorted(known)


def test_every_room_is_in_the_document():
    text = (ROOT.parent / "docs" / "architecture.md").read_text("utf-8")
    rooms = [name for layer in LAYERS[:-1] for name in layer]
    assert not [name for name in rooms if f"`{name}/`" not in text and f"`{name}.py`" not in text]


def test_imports_point_down():
    height = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    up = [  # two of one layer may stand in any order, as long as no circle comes of it (see below)
        f"{module} -> {other}"
        for module in MODULES
        for other in imports(module)
        if room(other) != "__init__" and height[room(other)] > height[room(module)]
    ]
    assert not up, up


def test_no_rooms_import_each_other_in_a_circle():
    arrows: dict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        for other in imports(module):
            if room(other) not in (room(module), "__init__"):
                arrows[room(module)].add(room(other))
    assert not _circles(arrows)


def test_no_modules_import_each_other_in_a_circle():
    # A folder's __init__ gathers what its modules offer: an arrow to it from within is no circle worth refusing. Nor is
    # the name of a type, within one folder.
    arrows = {m: {o for o in imports(m, types=False) if not m.startswith(o + ".")} for m in MODULES}
    assert not _circles(arrows)


def _circles(arrows: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Groups of names that reach each other."""
    reached: dict[str, set[str]] = {}
    for name in list(arrows):
        seen: set[str] = set()
        todo = [name]
        while todo:
            for other in arrows.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        reached[name] = seen
    return sorted(
        {
            tuple(sorted(o for o in reached[name] if name in reached.get(o, ())))
            for name in reached
            if name in reached[name]
        }
    )


def test_circles_are_found():
    assert _circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [("a", "b", "c")]


@pytest.mark.parametrize("part", ["shared", "shell", *TABS])
def test_tabs_know_what_they_share_and_not_each_other(part):
    allowed = {"shared"} | ({part} if part != "shared" else set()) | ({"examples"} if part != "shared" else set())
    found = {
        f"{module} -> {other}"
        for module in MODULES
        if module.startswith(f"mmdemo.ui.{part}")
        for other in imports(module)
        if other.startswith("mmdemo.ui.") and other.split(".")[2] not in allowed
    }
    assert not found, found


def test_nothing_but_the_page_imports_gradio():
    users = {
        module
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(
            n.split(".")[0] == "gradio" for n in ([a.name for a in node.names] + [getattr(node, "module", "") or ""])
        )
    }
    assert users and all(module.startswith("mmdemo.ui.") for module in users)


def test_tasks_are_made_of_what_was_read():
    """Constructors do no I/O: what reads files is `from_recipe`."""
    from mmdemo.training import TASKS

    for name in TASKS:
        made_of = inspect.signature(TASKS[name].__init__).parameters.values()
        assert not [p.name for p in made_of if "Path" in str(p.annotation) or "dir" in p.name], name


def test_the_codebook_tab_asks_for_modalities_in_one_file():
    names = {"image", "audio", "text"}
    asked = [
        f"{module}:{node.lineno}"
        for module in MODULES
        if module.startswith(("mmdemo.ui.codebook.", "mmdemo.codec."))
        for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8")))
        if isinstance(node, ast.Compare)
        if names
        & {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    ]
    assert not asked, "a comparison with a modality's name; its place is KINDS, TONES or SHEETS"


# Where a registry of a general part lists, by name, what is above it: (the registry's room, the room of the part).
DOWN = {
    ("checkpoints", "tokenizers"),
    *(("checkpoints", room) for room in ("diffusion", "entropy", "digits", "emoji", "prompts", "speech")),
    *(("diffusion", room) for room in ("digits", "speech", "evaluation")),
}


def test_only_registries_name_what_is_above_them():
    height = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    address = re.compile(r"mmdemo(\.[a-z_]+)+:[A-Za-z_]+")
    found = {
        (room(module), node.value.split(".")[1].split(":")[0])
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and address.fullmatch(node.value)
    }
    assert {(low, high) for low, high in found if height[high] > height[low]} == DOWN
