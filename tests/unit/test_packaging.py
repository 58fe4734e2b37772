"""The repository as others get it: dependencies, sizes, README, Spaces, and the package without its page."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from mmdemo.ui.serving import launch

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
DEMO = "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/python app.py"
TESTS = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"
MAX_BYTES = 10_000_000  # the Hub refuses larger files in a plain git push
MAX_LINES = 500
# Import names that differ from the name of what is installed, and packages that gradio always brings.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "hibari": "hibari-tts",
    "piper": "piper-tts",
    "umap": "umap-learn",
    "vector_quantize_pytorch": "vector-quantize-pytorch",
    "yaml": "pyyaml",
}
WITH_GRADIO = {"fastapi", "gradio_client", "httpx", "pydantic", "starlette"}
NEWER_STDLIB = {"compression"}  # 3.14; imported only where it exists
MACHINE_PATH = re.compile(r"(?<![\w.~>-])/(?:work|opt|root|home|Users)/[\w.]+|/tmp/(?:build|bash)")
NEEDED = {"app.py", "requirements.txt", "mmdemo", "checkpoints"}  # to run the page
SPACES_COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def tracked() -> list[Path]:
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def readme() -> tuple[dict[str, str], str]:
    """README's front matter (top-level scalars) and its body."""
    _, front, body = (ROOT / "README.md").read_text("utf-8").split("---\n", 2)
    pairs = (line.split(":", 1) for line in front.splitlines() if re.match(r"\w+: *\S", line))
    return {key: value.strip().strip("\"'") for key, value in pairs}, body


def dependencies(*extras: str) -> list[Requirement]:
    project = pyproject()["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def test_requirements_agree_with_pyproject():
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    listed = {str(Requirement(line)) for line in lines if line.strip() and not line.startswith("#")}
    assert listed == {str(requirement) for requirement in dependencies()}


def test_installed_packages_meet_the_requirements():
    for requirement in dependencies("test"):
        if requirement.marker is None or requirement.marker.evaluate():
            installed = metadata.version(requirement.name)
            assert requirement.specifier.contains(installed, prereleases=True), f"{requirement}: {installed}"


def test_every_import_is_declared():
    extras = pyproject()["project"]["optional-dependencies"]
    declared = {canonicalize_name(r.name) for r in dependencies(*extras)} | {"spaces"}
    undeclared = set()
    for path in (ROOT / "mmdemo").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in {name.partition(".")[0] for name in names}:
                if name in sys.stdlib_module_names | NEWER_STDLIB | WITH_GRADIO | {"mmdemo"}:
                    continue
                if canonicalize_name(DISTRIBUTIONS.get(name, name)) not in declared:
                    undeclared.add(f"{path.relative_to(ROOT)}: {name}")
    assert not undeclared


def test_no_tracked_file_is_too_big():
    assert [str(path) for path in tracked() if path.stat().st_size > MAX_BYTES] == []


def test_no_machine_paths():
    found = []
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in MACHINE_PATH.finditer(text)]
    assert found == []


def test_source_files_are_short():
    files = [path for suffix in ("py", "js", "css") for path in (ROOT / "mmdemo").rglob(f"*.{suffix}")]
    assert files
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_models_import_without_gradio():
    code = """
import importlib, pkgutil, sys
sys.modules["gradio"] = None  # any import of it now fails
import mmdemo
names = [m.name for m in pkgutil.walk_packages(mmdemo.__path__, "mmdemo.", onerror=lambda name: None)]
names = [name for name in names if not name.startswith("mmdemo.ui") and not name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5


def test_readme_gives_the_two_commands():
    lines = readme()[1].splitlines()
    assert DEMO in lines
    assert TESTS in lines


def test_readme_links_exist():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", readme()[1])
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_dockerfile_starts_what_is_here():
    """No image is built here: its options are ours, its files are in the repository, and it asks for its own health."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    orders = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    python, script, *options = json.loads(orders["ENTRYPOINT"])
    assert python == "python" and (ROOT / script).is_file()
    args = launch.parser().parse_args(options)
    assert args.host == "0.0.0.0"
    assert str(args.port) == orders["EXPOSE"] and f"127.0.0.1:{args.port}/health" in orders["HEALTHCHECK"]
    assert SpecifierSet(pyproject()["project"]["requires-python"]).contains(orders["FROM"].split(":")[1].split("-")[0])
    left_out = (ROOT / ".dockerignore").read_text("utf-8").split()
    needed = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parts[len(ROOT.parts)] in NEEDED}
    assert needed == NEEDED and not NEEDED & set(left_out)


def test_front_matter_is_valid_for_spaces():
    front, _ = readme()
    assert front["sdk"] == "gradio"
    gradio = next(r for r in dependencies() if r.name == "gradio")
    assert gradio.specifier.contains(front["sdk_version"])
    assert Version(metadata.version("gradio")) >= Version(front["sdk_version"])
    assert (ROOT / front["app_file"]).is_file()
    assert front["license"] == pyproject()["project"]["license"].lower()
    assert {front["colorFrom"], front["colorTo"]} <= SPACES_COLOURS
    assert len(front["short_description"]) <= 60
    assert SpecifierSet(pyproject()["project"]["requires-python"]).contains(front["python_version"])


def test_console_script_exists():
    module, _, function = pyproject()["project"]["scripts"]["mmdemo"].partition(":")
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text("utf-8"))
    assert function in {getattr(node, "name", None) or _target(node) for node in tree.body}


def _target(node: ast.stmt) -> str | None:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return targets[0].id if targets and isinstance(targets[0], ast.Name) else None


def test_examples_are_small_and_attributed():
    folder = ROOT / "mmdemo" / "ui" / "examples"
    files = [path for path in folder.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_500_000
    credits = (folder / "ATTRIBUTION.md").read_text("utf-8")
    names = {path.name for path in files} - {"ATTRIBUTION.md"}
    assert {name for name in names if f"`{name}`" not in credits} == set()
