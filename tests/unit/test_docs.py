"""What the documents say of the tree is so: every file and folder that they name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("docs/*.md"), ROOT / "CONTRIBUTING.md", ROOT / "README.md"]
TREE = ["/" + p.relative_to(ROOT).as_posix() for top in ("mmdemo", "tests", "docs") for p in (ROOT / top).rglob("*")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_named_files_are_there(document):
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    named = re.findall(r"`([\w./-]+\.(?:py|toml|js))`|`((?:mmdemo|tests|docs)/[\w./-]*)`", text)
    paths = {(a or b).rstrip("/") for a, b in named if "NAME" not in a}
    assert not [p for p in paths if not (ROOT / p).exists() and not any(t.endswith("/" + p) for t in TREE)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_links_between_documents_lead_somewhere(document):
    text = document.read_text("utf-8")
    links = re.findall(r"\]\(((?!https?:|#)[^)#\s]+)", text)
    assert not [link for link in links if not (document.parent / link).exists()]
