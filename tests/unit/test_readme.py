"""The README's results are those of the model cards."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def load_tool():
    spec = importlib.util.spec_from_file_location("readme_results", ROOT / "tools" / "readme_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_results_table_is_that_of_the_cards():
    tool, text = load_tool(), (ROOT / "README.md").read_text("utf-8")
    assert tool.START in text and tool.END in text
    assert tool.updated(text) == text, "run: python tools/readme_results.py"


def test_every_figure_chosen_is_in_its_card():
    tool = load_tool()
    for name, (_, wanted) in tool.CHOSEN.items():
        names = [row[0] for row in tool.card_figures(name)]
        for want in wanted:
            found = [n for n in names if n == want or (want.endswith("*") and n.startswith(want[:-1]))]
            assert found, (name, want)
