"""The set of emoji pictures with English and Chinese text: `mmdemo data emoji`.

Rows are the emoji of emojibase-data (labels and keywords of Unicode CLDR), without skin tones, components and flags;
pictures are those of five openly licensed styles (`drawings`). What `mmdemo.datasets.emoji` reads.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...errors import InputError
from ...files import atomic_write, check_folder, write_bytes
from .drawings import STYLES, Style, framed, key, read_drawings
from .packages import Package, found, members
from .splits import share_of

ANNOTATIONS = Package("npm", "emojibase-data", "17.0.0")
WITHOUT = ("component", "flags")  # groups that are left out
TEST_SHARE = 0.05
ALIKE = 0.35  # grey levels: forms of one emoji whose pictures differ less on average are one picture
COLUMNS = (*("hexcode", "emoji", "label_en", "tags_en", "label_zh", "tags_zh", "group", "subgroup", "split", "styles"),)
PEOPLE = {"1F468": "1F9D1", "1F469": "1F9D1", "1F466": "1F9D2", "1F467": "1F9D2"}  # man, woman; boy, girl
JOINER, SIGNS = "200D", ("FE0F", "2640", "2642")
# Families that some styles draw alike: kisses, couples with a heart, couples holding hands, families.
TWINS = (
    ("1F48F", "1F9D1-200D-2764-200D-1F48B-200D-1F9D1"),
    ("1F491", "1F9D1-200D-2764-200D-1F9D1"),
    ("1F46B", "1F46C", "1F46D", "1F9D1-200D-1F91D-200D-1F9D1"),
    ("1F46A", *("-200D-".join(["1F9D1"] * adults + ["1F9D2"] * children) for adults in (1, 2) for children in (1, 2))),
)


@dataclass
class Row:
    """One emoji: a line of annotations.tsv, and the styles that it has a picture in."""

    hexcode: str
    cells: dict[str, str]
    styles: list[str] = field(default_factory=list)

    @property
    def family(self) -> str:
        """The same for all forms of one emoji: whoever is in it a person or a child, looking either way."""
        codes: list[str] = []
        for code in "-".join(PEOPLE.get(c, c) for c in self.hexcode.split("-") if c not in SIGNS).split("-"):
            if code == "27A1" and codes[-1:] == [JOINER]:  # the arrow of a direction
                continue
            if code != JOINER or (codes and codes[-1] != JOINER):
                codes.append(code)
        return "-".join(codes[:-1] if codes[-1] == JOINER else codes)

    @property
    def kin(self) -> str:
        """The same for families that may look alike too."""
        return next((twins[0] for twins in TWINS if self.family in twins), self.family)

    @property
    def split(self) -> str:
        """ "train" or "test", by a hash of the family: all styles and forms of one emoji are on the same side."""
        return "test" if share_of(f"emoji:{self.family}") < TEST_SHARE else "train"

    @property
    def gender(self) -> int:
        """0 where it names persons or children, 1 where it says nothing, 2 where it says man, woman, boy or girl."""
        codes = set(self.hexcode.split("-"))
        return 2 if codes & {*PEOPLE, "2640", "2642"} else int(not codes & set(PEOPLE.values()))


def make_emoji(
    out: Path,
    packages: Path | None = None,
    styles: Sequence[Style] = STYLES,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """Write ``out``/annotations.tsv, images/STYLE/HEXCODE.png and ATTRIBUTION.md.

    Args:
        packages: folder in which the packages are looked for, or kept when fetched; None: the user's cache.
        say: told what is being done.

    Returns:
        pictures by style.

    Raises:
        InputError: a package can be neither found nor fetched, or is of another form; ``out`` cannot be written to.
    """
    check_folder(out)
    files = found([ANNOTATIONS, *(style.package for style in styles)], packages)
    rows = read_rows(files[ANNOTATIONS])
    counts = {}
    for style in styles:
        say(f"Drawing {style.name} …")
        counts[style.name] = _draw(style, files[style.package], rows, out / "images" / style.name)
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        if row.styles:
            writer.writerow([{**row.cells, "split": row.split, "styles": ",".join(row.styles)}[c] for c in COLUMNS])
    write_bytes(out / "annotations.tsv", table.getvalue().encode())
    write_bytes(out / "ATTRIBUTION.md", _attribution(styles, counts).encode())
    return counts


def read_rows(package: Path) -> list[Row]:
    """The emoji of emojibase-data, in its order. Raises InputError where it is of another form."""
    names = ("en/data.json", "zh/data.json", "meta/groups.json")
    files: dict[str, Any] = {name: json.loads(data) for name, data in members(package, names.__contains__)}
    try:
        english, chinese, groups = (files[name] for name in names)
        other = {entry["hexcode"]: entry for entry in chinese}
        rows = []
        for entry in english:
            group = groups["groups"].get(str(entry.get("group")))
            if group is None or group in WITHOUT:  # letters of flags have none
                continue
            cells = {"hexcode": entry["hexcode"], "emoji": entry["emoji"], "group": group}
            cells["subgroup"] = groups["subgroups"][str(entry["subgroup"])]
            for language, texts in (("en", entry), ("zh", other[entry["hexcode"]])):
                cells[f"label_{language}"] = _cell(texts["label"])
                cells[f"tags_{language}"] = ",".join(map(_cell, texts.get("tags", [])))
            rows.append(Row(entry["hexcode"], cells))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"The package {package.name} is of another form: it lacks {error}.") from None
    return rows


def _cell(text: str) -> str:
    """Without what separates cells and keywords."""
    return " ".join(text.replace(",", " ").split())


def _draw(style: Style, package: Path, rows: Iterable[Row], folder: Path) -> int:
    """A picture for each row that the style has a drawing of; returns how many."""
    by_key = {key(row.hexcode): row for row in rows if row.hexcode not in style.leave_out}
    pictures: dict[str, Image.Image] = {}
    for code, drawing in read_drawings(style, package):
        row = by_key.get(code)
        if row is not None and row.hexcode not in pictures:
            pictures[row.hexcode] = framed(drawing, style.window)
    kept = 0
    for row in distinct([row for row in by_key.values() if row.hexcode in pictures], pictures):
        row.styles.append(style.name)
        with atomic_write(folder / f"{row.hexcode}.png") as beside:
            pictures[row.hexcode].save(beside, optimize=True)
        kept += 1
    return kept


def distinct(rows: Sequence[Row], pictures: dict[str, Image.Image]) -> list[Row]:
    """The rows, of all kin without those that look like another: neutral forms stay before others."""
    families: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        families[row.kin].append(row)
    gone: set[str] = set()
    for forms in families.values():
        stay: list[np.ndarray] = []
        for row in sorted(forms, key=lambda row: row.gender):  # stable: else in their order
            seen = np.asarray(pictures[row.hexcode], np.float32)
            if any(float(np.abs(seen - other).mean()) < ALIKE for other in stay):
                gone.add(row.hexcode)
            else:
                stay.append(seen)
    return [row for row in rows if row.hexcode not in gone]


def _attribution(styles: Sequence[Style], counts: dict[str, int]) -> str:
    lines = [
        "# Emoji pictures",
        "",
        "Made by `mmdemo data emoji`. Each style keeps its own licence.",
        "",
        "| style | pictures | package | licence | attribution |",
        "|---|---|---|---|---|",
    ]
    for style in styles:
        made_of = f"npm `{style.package.name}` {style.package.version}"
        lines.append(f"| {style.name} | {counts[style.name]} | {made_of} | {style.licence} | {style.attribution} |")
    lines += [
        "",
        f"Labels and keywords: npm `{ANNOTATIONS.name}` {ANNOTATIONS.version}, Copyright (c) 2017-2019 Miles Johnson, "
        "MIT; with data from Unicode CLDR, Copyright (c) 2004-present Unicode, Inc., Unicode License V3.",
        "",
    ]
    return "\n".join(lines)
