"""Coverage-guided fuzzing of our own parsers, by hand: `python tools/fuzz_atheris.py tokens|head [SECONDS]`.

Wants `pip install atheris`, which has wheels for some versions of Python on Linux and is in no extra for that reason.
What it finds goes into tests/unit/corpus.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mmdemo.tokens", "mmdemo.modalities"]):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "unit"))
    import fuzzing

TARGETS = {"tokens": (fuzzing.read_tokens, fuzzing.tokens), "head": (fuzzing.read_head, fuzzing.texts)}


def main(name: str, seconds: int) -> None:
    """Try inputs that grow out of valid files until one fails or the time is over."""
    target, files = TARGETS[name]
    seeds = list(files().values())

    def one(data: bytes) -> None:
        # The first byte chooses what the rest alters: a checksum lets nothing else through.
        whole = fuzzing.resealed(data[1:]) if data[:1] < b"\x80" else data[1:]
        fuzzing.check(target, whole)

    folder = Path("runs") / f"fuzz-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(seeds):
        (folder / f"seed-{i}").write_bytes(b"\0" + seed)
    atheris.Setup([sys.argv[0], str(folder), f"-max_total_time={seconds}", "-max_len=4096"], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60)
