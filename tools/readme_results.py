"""Write the results table of README.md from the figures in the model cards, so that the two cannot differ.

    python tools/readme_results.py

The cards are written by ``mmdemo evaluate NAME --data-dir DATA --card``; tests/unit/test_readme.py checks that the
table is up to date.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START, END = "<!-- results -->", "<!-- /results -->"

# Per checkpoint: what it is, and which figures of its card are shown (a name may end in * for all that begin so).
CHOSEN: dict[str, tuple[str, list[str]]] = {
    "image": (
        "Pictures",
        [
            "kodak at <= 0.1 bpp: PSNR",
            "kodak at <= 0.1 bpp: MS-SSIM",
            "kodak at <= 0.19 bpp: PSNR",
            "kodak at <= 0.19 bpp: MS-SSIM",
            "kodak, all levels: PSNR",
            "emoji test, all levels: PSNR",
            "MNIST test, all levels: PSNR",
            "screens, charts, drawings, scans at the bytes of JPEG q30: PSNR (target: JPEG's)",
            "small text read right by RapidOCR, all levels",
            "flat colours, all levels: worst channel error",
            "flat colours, 2 levels: worst channel error",
            "flat colours, all levels: largest file",
            "chart lines of pure colour, all levels: CIEDE2000, worst",
            "grey pictures, all levels: chroma of the result, worst pixel",
            "level 1 usage, kodak + BSDS test",
            "level 1 perplexity, kodak + BSDS test",
        ],
    ),
    "audio": (
        "Sounds",
        [
            "speech at <= 1.5 kbps: STOI",
            "speech at <= 1.5 kbps: PESQ-WB",
            "speech at <= 3.0 kbps: STOI",
            "speech at <= 3.0 kbps: PESQ-WB",
            "speech, all levels: STOI",
            "FSDD test, accuracy kept at 1.5 kbps",
            "words understood by Whisper tiny.en, *",
            "tones, all levels: level, worst *",
            "tones, all levels: frames of right pitch, worst *",
            "music at <= 3.7 kbps: log-mel distance (target: below Opus 6)",
            "loudness of speech, all levels: *",
            "voiced frames lost, speakers under 120 Hz: *",
            "silence, 3 s, all levels: file",
        ],
    ),
    "text": (
        "Text",
        [
            "WikiText-2 test, 1 *",
            "WikiText-2 test, 2 *",
            "WikiText-2 test, 3 *",
            "Chinese passage, 3 *",
            "Arabic passage, 3 *",
            "Hindi passage, 3 *",
            "Korean passage, 3 *",
            "emoji with English and Chinese names, test split, 3 *",
            *(f"{name} passage, all *" for name in ("German", "French", "Polish", "Turkish", "Vietnamese")),
            "hexadecimal, *",
            "base64, *",
        ],
    ),
    "priors/bytes": ("Exact text", ["WikiText-2 test, *", "Shakespeare, *"]),
    "emoji": (
        "Emoji, words and pictures",
        [
            "text -> picture, *",
            "style judged right",
            "picture -> text, *",
            "judge on real pictures*",
            "nearest training picture, generated: RMS",
            "nearest other concept, real: RMS",
        ],
    ),
    "digits": ("Digits, any to any", ["image -> *", "audio -> *", "text -> *", "nothing -> *"]),
}
Row = tuple[str, str, str, str]  # figure, value, target, met


def card_figures(name: str) -> list[Row]:
    """The figures of a checkpoint's card, in order."""
    text = (ROOT / "checkpoints" / name / "README.md").read_text("utf-8")
    body = text.split("<!-- figures -->")[1].split("<!-- /figures -->")[0]
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in body.splitlines() if line.startswith("|")]
    return [(r[0], r[1], r[2], r[3]) for r in rows[2:]]


def chosen(name: str) -> list[Row]:
    """The rows of a card that the README shows."""
    wanted = CHOSEN[name][1]
    rows = card_figures(name)
    return [r for r in rows if any(r[0] == w or (w.endswith("*") and r[0].startswith(w[:-1])) for w in wanted)]


def table() -> str:
    """The whole table, Markdown."""
    lines = ["| model | figure on test data | measured | target | met |", "|---|---|---|---|---|"]
    for name, (title, _) in CHOSEN.items():
        if not (ROOT / "checkpoints" / name / "README.md").is_file():
            continue
        for i, (figure, value, target, met) in enumerate(chosen(name)):
            first = f"[{title}](checkpoints/{name}) `{name}`" if i == 0 else ""
            lines.append(f"| {first} | {figure.replace('<=', '≤').replace('->', '→')} | {value} | {target} | {met} |")
    return "\n".join(lines)


def updated(readme: str) -> str:
    """README with its table replaced."""
    return re.sub(f"{START}.*?{END}", lambda _: f"{START}\n{table()}\n{END}", readme, flags=re.DOTALL)


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(updated(path.read_text("utf-8")), "utf-8")
