"""ES modules joined into the one function body that Gradio runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mmdemo.ui import app
from mmdemo.ui.shared.modules import UI, bundle
from mmdemo.ui.shell import theme

ENTRIES = sorted(path for path in UI.rglob("*.js") if "export default" in path.read_text("utf-8"))


def modules(folder: Path, **texts: str) -> Path:
    """Write modules and give the first one."""
    for name, text in texts.items():
        (folder / f"{name}.js").write_text(text, "utf-8")
    return folder / f"{next(iter(texts))}.js"


def result(body: str) -> str:
    """What a body prints with Node, run as Gradio runs it."""
    node = shutil.which("node") or pytest.skip("Node is not installed")
    call = "new Function('element', 'trigger', 'props', 'server', 'upload', 'watch', process.argv[1])(1, 2, 3, 4, 5, 6)"
    done = subprocess.run([node, "-e", call, body], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_modules_keep_their_scopes_and_run_once(tmp_path: Path):
    entry = modules(
        tmp_path,
        entry='import { twice as double,\n  name } from "./a.js";\nimport greet from "./b.js";\n'
        "export default function main({ props, watch }) { console.log(double(props), name, greet(), watch); }\n",
        a='console.log("once");\nconst own = 2;\nexport const twice = (x) => own * x;\nexport const name = "a";\n',
        b='import { name } from "./a.js";\n'
        'const own = "b of ";\nexport default function greet() {\n  return own + name;\n}\n',
    )
    assert result(bundle(entry)) == "once\n6 a b of a 6"


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"one": 'import * as all from "./two.js";\nexport default function f() {}\n', "two": ""}, "no form"),
        ({"one": "export default function f() {}\nexport { f };\n"}, "no form"),
        ({"one": "export function f() {}\n"}, "no default export"),
        (
            {
                "one": 'import { a } from "./two.js";\nexport default function f() { a(); }\n',
                "two": 'import f from "./one.js";\nexport const a = f;\n',
            },
            "circle",
        ),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path: Path, texts: dict[str, str], says: str):
    with pytest.raises(ValueError, match=says):
        bundle(modules(tmp_path, **texts))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.stem)
def test_every_component_of_the_page_is_a_script(entry: Path):
    node = shutil.which("node") or pytest.skip("Node is not installed")
    check = "try { new Function(process.argv[1]) } catch (error) { console.log(String(error)); process.exit(1) }"
    done = subprocess.run([node, "-e", check, bundle(entry)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_styles_lie_beside_what_they_style():
    """A component's are its own, and nested, so that none of its short names reaches another tab."""
    paths = {path.resolve() for path in theme.CSS_PATHS}
    assert all(path.name in ("theme.css", "shared.css", "tab.css") for path in paths)
    for path in UI.rglob("*.css"):
        alone = path.resolve() in paths
        assert alone or (path.with_suffix(".js").is_file() and path.with_suffix(".py").is_file()), path
        assert alone or "@keyframes" not in path.read_text("utf-8"), path
    for path in paths:  # Gradio puts its container before each selector in there: with it named twice none matches
        for block in re.findall(r"@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)", path.read_text("utf-8")):
            assert ".gradio-container" not in block, (path.name, block)


def test_the_rooms_know_each_other_in_one_direction_only():
    """Arrows between the folders of the page, in Python and in JavaScript alike: shared <- tabs <- shell, app."""
    forbidden = []
    for path in [*UI.rglob("*.py"), *UI.rglob("*.js")]:
        room = path.relative_to(UI).parts[0]
        text = path.read_text("utf-8")
        python = re.findall(r"^from mmdemo\.ui\.(\w+)", text, re.MULTILINE)
        script = [
            (path.parent / target).resolve().relative_to(UI.resolve()).parts[0]
            for target in re.findall(r'^import .*? from "(\.[^"]+)";', text, re.MULTILINE | re.DOTALL)
        ]
        for other in {*python, *script} - {room, "shared"}:
            if room != "app.py":
                forbidden.append(f"{path.relative_to(UI)} -> {other}")
    assert forbidden == []


def test_what_our_components_tell_the_page_leads_to_no_object_of_the_server():
    ours = [c["props"] for c in app.build().config["components"] if "js_on_load" in c["props"]]
    assert len(ours) > 20
    json.dumps(ours)  # Gradio copies all of it, and all that it leads to, for each visitor


def test_states_of_quiet_requests_are_told_to_one_part_alone():
    """Gradio's page looks for each output that any request ever had, at each state of each request: 100 ms a stroke."""
    quiet = [d for d in app.build().config["dependencies"] if d["show_progress"] == "hidden"]
    assert len(quiet) > 60
    assert len({tuple(d["show_progress_on"]) for d in quiet}) == 1 == len(quiet[0]["show_progress_on"])


def test_no_wish_is_lost_while_an_older_one_is_on_its_way():
    told = [d for d in app.build().config["dependencies"] if d["backend_fn"] and d["api_visibility"] == "private"]
    asked = [d for d in told if any(event not in ("load", "then", "success", "failure") for _, event in d["targets"])]
    assert len(asked) > 30
    assert [d["api_name"] for d in asked if d["trigger_mode"] == "once"] == []  # Gradio's usual way
