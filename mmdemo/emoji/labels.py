"""What emoji are called, to be suggested to who types: those of the training split, in the order of the emoji keyboard.

The table `labels.tsv` ships with the package; the data set itself does not.
"""

from __future__ import annotations

from pathlib import Path

FIRST = ("🐱", "🚀", "😀", "🐙", "🍕", "👑", "🎈", "❤️", "🌈", "🦋", "🎸", "🍄")  # offered before anything is typed
TABLE = Path(__file__).with_name("labels.tsv")


def labels() -> list[tuple[str, tuple[str, str]]]:
    """(emoji, (English, Chinese)), one a concept; some that everybody likes to see stand first."""
    lines = TABLE.read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("# ")]
    known = {sign: (english, chinese) for sign, english, chinese in rows}
    first = {sign: known[sign] for sign in FIRST if sign in known}
    return [*first.items(), *((sign, names) for sign, names in known.items() if sign not in first)]
