"""Making data sets from packages: with small packages made here, nothing is fetched."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from mmdemo.cli import app
from mmdemo.datasets import emoji as reader
from mmdemo.datasets.making import packages as shelf
from mmdemo.datasets.making.drawings import STYLES, Drawing, Style, framed, key, read_drawings
from mmdemo.datasets.making.emoji import ANNOTATIONS, Row, make_emoji
from mmdemo.datasets.making.packages import Package, found, members
from mmdemo.datasets.making.photographs import Photograph, make_photographs, read_table
from mmdemo.errors import InputError

SHELF = Package("debian", "some-pictures", "4:1.0-2")


def archive(files: dict[str, bytes], kind: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{kind}") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def debian(files: dict[str, bytes], kind: str = "xz") -> bytes:
    """A Debian package: an ar archive of a version, of what it says of itself, and of its files."""
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", f"data.tar.{kind}": archive(files, kind)}
    out = b"!<arch>\n"
    for name, data in parts.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def picture(kind: str, size: int = 64, hole: int = 8) -> bytes:
    """A red square on nothing."""
    out, drawn = io.BytesIO(), Image.new("RGBA", (size, size))
    ImageDraw.Draw(drawn).rectangle((hole, hole, size - hole - 1, size - hole - 1), fill=(200, 20, 40, 255))
    (drawn if kind != "jpeg" else drawn.convert("RGB")).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["xz", "gz"])
def test_photographs_are_copied_with_their_authors(tmp_path, kind):
    files = {"./usr/share/a/One.jpg": picture("jpeg"), "./usr/share/a/Drawn.jpg": b"not wanted"}
    (tmp_path / SHELF.file).write_bytes(debian(files, kind))
    wanted = [Photograph(SHELF, "usr/share/a/One.jpg", "One more", "Ada, 2001", "CC-BY-4.0")]
    (made,) = make_photographs(tmp_path / "out", tmp_path, wanted)
    assert made.name == "some-pictures-One-more.jpg" and made.read_bytes() == files["./usr/share/a/One.jpg"]
    told = (tmp_path / "out" / "ATTRIBUTION.md").read_text("utf-8")
    assert "| some-pictures-One-more.jpg | some-pictures 4:1.0-2 | One more | Ada, 2001 | CC-BY-4.0 |" in told
    with pytest.raises(InputError, match=r"has no usr/share/a/Two\.jpg"):
        make_photographs(tmp_path / "out", tmp_path, [Photograph(SHELF, "usr/share/a/Two.jpg", "Two", "", "")])


def test_the_table_of_photographs_is_whole():
    table = read_table()
    assert len({p.name for p in table}) == len(table) == 37 and {p.package.system for p in table} == {"debian"}
    assert all(p.author and p.licence and Path(p.file).suffix == ".jpg" for p in table)


@pytest.mark.parametrize("data", [b"", b"no package", debian({"./a": b"1" * 999})[:150], b"!<arch>\n"])
def test_damaged_packages_are_refused_in_a_sentence(tmp_path, data):
    path = tmp_path / SHELF.file
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"cannot be read .*: fetch it again"):
        list(members(path, lambda name: True))


def test_packages_are_fetched_once_and_by_their_systems_programs(tmp_path, monkeypatch):
    asked: list[list[str]] = []

    def program(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess:
        asked.append(command)
        for argument in command:
            if "=" in argument or argument.count("@") == 2:
                name, version = argument.rsplit("=" if "=" in argument else "@", 1)
                (cwd / Package("debian" if "=" in argument else "npm", name, version).file).write_bytes(b"x")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(shelf.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(shelf.subprocess, "run", program)
    drawn = Package("npm", "@somebody/drawn", "1.2.3")
    for _ in range(2):
        files = found([SHELF, drawn], tmp_path)
    assert [p.name for p in files.values()] == ["some-pictures_4%3a1.0-2_all.deb", "somebody-drawn-1.2.3.tgz"]
    assert asked == [
        ["/bin/apt-get", "download", "some-pictures=4:1.0-2"],
        ["/bin/npm", "pack", "--silent", "@somebody/drawn@1.2.3"],
    ]


def test_what_cannot_be_fetched_may_be_brought_along(tmp_path, monkeypatch):
    monkeypatch.setattr(shelf.shutil, "which", lambda name: None)
    told = CliRunner().invoke(app, ["data", "photographs", "--out", str(tmp_path / "o"), "--packages", str(tmp_path)])
    assert "no apt-get here" in str(told.exception) and "mate-backgrounds_1.26.0-1_all.deb" in str(told.exception)
    monkeypatch.setattr(shelf.shutil, "which", lambda name: "/bin/sh")
    refused = subprocess.CompletedProcess([], 100, "", "Some words\nE: no such version\n")
    monkeypatch.setattr(shelf.subprocess, "run", lambda *_, **__: refused)
    with pytest.raises(InputError, match=r"apt-get says: E: no such version.*by hand"):
        found([SHELF], tmp_path)


# ---------------------------------------------------------------------------------------------------- emoji

SUN, CAT, HEALER, MAN_HEALER = "2600-FE0F", "1F431", "1F9D1-200D-2695-FE0F", "1F468-200D-2695-FE0F"
PAINTED = Style("painted", Package("npm", "painted", "1.0.0"), 1.0, "CC0-1.0", "Painted by hand.", (CAT,))
ICONS = Style("icons", Package("npm", "@iconify-json/icons", "1.0.0"), 1.0, "MIT", "Drawn.")


def annotations(path: Path) -> None:
    def entry(code: str, label: str, tags: list[str], group: int | None = 0) -> dict:
        character = "".join(chr(int(c, 16)) for c in code.split("-"))
        return {"hexcode": code, "emoji": character, "label": label, "tags": tags, "group": group, "subgroup": 0}

    codes = (SUN, CAT, HEALER, MAN_HEALER)
    english = [entry(c, label, ["one", "two, or"]) for c, label in zip(codes, ("sun", "cat, face", "healer", "man"))]
    english += [entry("1F3FB", "skin", [], 1), entry("1F1E6", "letter", [], None)]
    chinese = [entry(e["hexcode"], "太阳", ["天"]) for e in english]
    groups = {"groups": {"0": "things", "1": "component"}, "subgroups": {"0": "sky"}}
    files = {"en/data.json": english, "zh/data.json": chinese, "meta/groups.json": groups}
    path.write_bytes(archive({f"package/{k}": json.dumps(v).encode() for k, v in files.items()}, "gz"))


def test_a_set_of_emoji_is_what_its_reader_reads(tmp_path):
    annotations(tmp_path / ANNOTATIONS.file)
    drawn = {SUN: picture("webp"), CAT: picture("webp"), HEALER: picture("webp", hole=20), "1F680": picture("webp")}
    drawn[MAN_HEALER] = drawn[HEALER]  # no other picture: the neutral form stays
    files = {f"package/assets/{code.lower()}.webp": data for code, data in drawn.items()}
    (tmp_path / PAINTED.package.file).write_bytes(archive(files, "gz"))
    assert make_emoji(tmp_path / "out", tmp_path, [PAINTED]) == {"painted": 2}
    rows = reader.read_annotations(tmp_path / "out")
    assert [(r.hexcode, r.labels, r.keywords[0], r.styles) for r in rows] == [
        (SUN, ("sun", "太阳"), ("one", "two or"), ("painted",)),
        (HEALER, ("healer", "太阳"), ("one", "two or"), ("painted",)),
    ]
    x = reader.pixels(tmp_path / "out", [reader.Picture(rows[0], "painted")])
    assert x.shape == (1, 3, 64, 64) and x[0, :, 0, 0].tolist() == [255] * 3 and x[0, 0, 32, 32] > 180 > x[0, 1, 32, 32]
    assert "CC0-1.0" in (tmp_path / "out" / "ATTRIBUTION.md").read_text("utf-8")


def test_forms_of_one_emoji_are_a_family_on_one_side_of_the_split():
    runner = ["1F3C3", "1F3C3-200D-2642-FE0F", "1F3C3-200D-2640-FE0F-200D-27A1-FE0F", "1F3C3-200D-27A1-FE0F"]
    healers = [HEALER, MAN_HEALER, "1F469-200D-2695-FE0F"]
    for forms in (runner, healers):
        assert len({Row(code, {}).family for code in forms}) == len({Row(code, {}).split for code in forms}) == 1
    assert [Row(code, {}).gender for code in (*healers, "1F46A")] == [0, 2, 2, 1]
    couples = ("1F491", "1F469-200D-2764-FE0F-200D-1F468", "1F468-200D-2764-FE0F-200D-1F468")
    assert len({Row(code, {}).kin for code in couples}) == 1 and len({Row(code, {}).family for code in couples}) == 2
    assert Row("27A1-FE0F", {}).family == "27A1"  # an arrow of its own
    share = np.mean([Row(f"{code:X}", {}).split == "test" for code in range(0x1F000, 0x1F000 + 4000)])
    assert 0.04 < share < 0.06
    # Of the set that the shipped models were trained on.
    assert [Row(c, {}).split for c in ("1F600", "1F9D1-200D-1F9B0", "1F9D1-200D-1F9B3")] == ["train", "test", "train"]


def test_a_drawing_keeps_its_size_unless_it_would_touch_the_border():
    def width(hole: int, window: float) -> int:
        grey = np.asarray(framed(Drawing(picture("png", 256, hole)), window).convert("L"))
        return int((grey[32] < 200).sum())

    assert width(64, 1.0) == 32 and width(64, 0.5) == 62 and width(64, 2.0) == 16
    assert width(0, 1.0) == width(0, 0.9) == 62  # a margin of a pixel on each side
    assert framed(Drawing(io.BytesIO(picture("png")).getvalue()), 1.0).size == (64, 64)


def test_icons_are_drawn_as_their_package_says(tmp_path):
    pytest.importorskip("resvg_py")
    left = '<path fill="#00f" d="M0 0h8v16h-8z"/>'  # the left half, of 16 x 16
    icons = {"width": 16, "height": 16, "icons": {"left": {"body": left}, "gone": {}}}
    icons["aliases"] = {"right": {"parent": "left", "hFlip": True}}
    chars = {"25d0": "left", "25d1-fe0f": "right", "25d2": "gone"}
    path = tmp_path / ICONS.package.file
    files = {"package/icons.json": icons, "package/chars.json": chars}
    path.write_bytes(archive({k: json.dumps(v).encode() for k, v in files.items()}, "gz"))
    drawn = {code: np.asarray(framed(d, ICONS.window)) for code, d in read_drawings(ICONS, path)}
    assert set(drawn) == {"25D0", "25D1"}
    blue, white = [0, 0, 255], [255, 255, 255]
    assert drawn["25D0"][32, 16].tolist() == blue == drawn["25D1"][32, 48].tolist()
    assert drawn["25D0"][32, 48].tolist() == white == drawn["25D1"][32, 16].tolist()
    path.write_bytes(archive({"package/other.json": b"{}"}, "gz"))
    with pytest.raises(InputError, match="of another form"):
        list(read_drawings(ICONS, path))


def test_the_styles_are_those_of_the_recipes():
    from mmdemo.training.recipe import read_recipe

    assert [s.name for s in STYLES] == read_recipe("emoji").model["styles"]
    assert key("2764-fe0f-200d-1f525") == "2764-200D-1F525"
