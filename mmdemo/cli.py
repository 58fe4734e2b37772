"""The command line: the same functions as the Python API and the page, one command each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__, cli_data, console
from .batch import Codecs, run
from .diffusion.settings import SamplingSettings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="See inside VQ autoencoders and diffusion transformers for images, text and audio.",
)
app.add_typer(cli_data.app, name="data")

Inputs = Annotated[list[Path], typer.Argument(help="One or more files; - is the standard input.")]
Output = Annotated[
    Path, typer.Option("-o", "--output", help="A file, or a folder for several inputs; - is the standard output.")
]
Levels = Annotated[int | None, typer.Option(help="Residual levels to use (default: all).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Original = Annotated[
    bool, typer.Option("--original", help="Sound only: at the sample rate and with the channels of the input.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]

Force = Annotated[bool, typer.Option("--force", help="Write over files of other origin that are in the way.")]
Model = Annotated[
    str | None, typer.Option(help="image, audio, text, a folder, or a Hub id: owner/name or owner/name@revision.")
]
Encoding = Annotated[
    str | None, typer.Option(help="Text only: of the files, such as gbk or latin-1 (default: found out).")
]
Background = Annotated[
    str | None, typer.Option(help="Pictures only: what transparent parts are put on: auto, white, black or checker.")
]


def _version(wanted: bool) -> None:
    if wanted:
        console.say(f"mmdemo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """See inside VQ autoencoders and diffusion transformers for images, text and audio."""


@app.command()
def reconstruct(
    inputs: Inputs,
    output: Output,
    model: Model = None,
    levels: Levels = None,
    original: Original = False,
    device: Device = "auto",
    encoding: Encoding = None,
    background: Background = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Encode to tokens and decode again, and say what it cost and lost."""
    codecs = Codecs(model, device, encoding, background)

    def one(path: Path, target: Path) -> dict[str, Any]:
        from . import api

        codec = codecs.for_input(path)
        result = api.reconstruct(codecs.load(codec, path), codec, levels, original)
        codec.processor.save(result.output, target)
        notes = [*map(str, result.item.notes), *codecs.remarks(codec, path, original)]
        return {"model": codec.name, "levels": result.tokens.levels, **result.figures, "notes": notes}

    run(inputs, output, codecs.suffixes, one, as_json, force)


@app.command()
def encode(
    inputs: Inputs,
    output: Output,
    model: Model = None,
    levels: Levels = None,
    device: Device = "auto",
    as_json: Json = False,
    lossy: Annotated[bool, typer.Option("--lossy", help="Text only: keep the tokens and drop the exact text.")] = False,
    encoding: Encoding = None,
    background: Background = None,
    force: Force = False,
) -> None:
    """Files -> tokens (.mmt). Sounds may be of any length: they are read and coded piece by piece."""
    codecs = Codecs(model, device, encoding, background)

    def one(path: Path, target: Path) -> dict[str, Any]:
        from .codec import streaming

        codec = codecs.for_input(path)
        if codec.processor.streamed:
            stream = codec.processor.stream(path)
            notes: tuple[str, ...] = stream.notes
            tokens = streaming.encode(codec, stream, levels)
        else:
            item = codecs.load(codec, path)
            notes = item.notes
            tokens = codec.encode(item, levels, lossless=codec.processor.lossless and not lossy)
        saved = tokens.save(target)
        value, unit = codec.rate(tokens)
        return {
            "model": codec.name,
            "levels": tokens.levels,
            "tokens": tokens.count,
            "bytes": saved.stat().st_size,
            "rate": value,
            "rate_unit": unit,
            "notes": [*map(str, notes), *codecs.remarks(codec, path, lossy=lossy)],
        }

    run(inputs, output, lambda _: (".mmt",), one, as_json, force)


@app.command()
def decode(
    inputs: Inputs,
    output: Output,
    levels: Levels = None,
    original: Original = False,
    model: Annotated[str | None, typer.Option(help="Use this checkpoint instead of the one the file names.")] = None,
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Tokens (.mmt) -> files; fewer levels than stored give a coarser result."""
    codecs = Codecs(model, device)

    def suffixes(path: Path) -> Sequence[str]:
        from .modalities import MODALITIES
        from .tokens import mmt

        return MODALITIES[mmt.modality(mmt.contents(path))].save_suffixes

    def one(path: Path, target: Path) -> dict[str, Any]:
        from .codec import streaming
        from .tokens import Tokens, mmt

        data = mmt.contents(path)
        codec = codecs.for_tokens(mmt.made_by(data))
        tokens = Tokens.from_bytes(data, codec.priors)
        notes = codecs.remarks(codec, path, original)
        if tokens.lossless and levels is None:
            codec.processor.save(tokens.raw or tokens.lossless, target)  # the bytes of the file that it was made of
            return {"model": codec.name, "exact": True, "notes": notes}
        if codec.processor.streamed:
            codec.processor.save_stream(streaming.decode(codec, tokens, levels), target, tokens.meta, original)
        else:
            codec.processor.save(codec.decode(tokens, levels, original), target)
        return {"model": codec.name, "levels": levels or tokens.levels, "tokens": tokens.count, "notes": notes}

    run(inputs, output, suffixes, one, as_json, force)


@app.command()
def generate(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")],
    model: Annotated[str, typer.Option(help="A diffusion checkpoint: a name, a folder, or a Hub id.")] = "digits",
    text: Annotated[str | None, typer.Option(help="Given text.")] = None,
    mix: Annotated[
        tuple[str, str] | None, typer.Option(help="Two given texts instead, both at once.", metavar="TEXT TEXT")
    ] = None,
    weight: Annotated[
        float | None, typer.Option(help="Share of the second of the two, 0 to 1.", show_default="0.5")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="Given picture.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Given recording.")] = None,
    number: Annotated[
        str | None, typer.Option(help="Make a number of up to 8 digits instead, digit by digit in one voice.")
    ] = None,
    want: Annotated[
        str | None, typer.Option(help="What to make, separated by commas (default: all not given).")
    ] = None,
    n: Annotated[int, typer.Option("-n", help="Number of samples.")] = SamplingSettings.n,
    steps: int = SamplingSettings.steps,
    guidance: float = SamplingSettings.guidance,
    sampler: str = SamplingSettings.sampler,
    seed: int = SamplingSettings.seed,
    speaker: Annotated[
        str | None,
        typer.Option("--speaker", "--style", help="One of the model's speakers or drawing styles; all: one in each."),
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="Models that speak: one of the voices, or a recording to speak in the voice of.")
    ] = None,
    says: Annotated[
        str | None, typer.Option(help="What that recording says, or the one in --audio (default: what is heard).")
    ] = None,
    pace: Annotated[float | None, typer.Option(help="Models that speak: how fast, 0.5 to 2.", show_default="1")] = None,
    may_use: Annotated[
        bool, typer.Option("--may-use-voice", help="You may use the voice of the recording; without it, none is.")
    ] = False,
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Sample from a diffusion model, from any mixture of text, picture and recording, or from nothing.

    Models that speak say --text; with --audio too they change that recording so that it says the text.
    """
    from .generation import generate_files, generate_number_files

    given = {"text": mix[0] if mix else text, "image": image, "audio": audio}
    wanted = [w.strip() for w in want.split(",") if w.strip()] if want else None
    spoken = None
    if voice is not None or says is not None or pace is not None or may_use:
        from .speech.request import SpeechRequest

        file = Path(voice) if voice and Path(voice).is_file() else None
        if voice is not None and file is None:
            if speaker is not None:
                raise typer.BadParameter("--voice and --speaker name the same thing: give one.")
            speaker = voice
        spoken = SpeechRequest(voice=file, says=says or "", pace=1.0 if pace is None else pace, allowed=may_use)
    settings = SamplingSettings(n=n, steps=steps, guidance=guidance, sampler=sampler, seed=seed, style=speaker)
    if weight is not None and not mix:
        raise typer.BadParameter("--weight is the share of the second of two texts: it goes with --mix.")
    if number is not None:
        if any(v is not None for v in given.values()):
            raise typer.BadParameter("a number is made from its digits alone: leave --text, --image and --audio out.")
        result = generate_number_files(model, number, wanted, output, settings, device, force)
    else:
        if mix and text is not None:
            raise typer.BadParameter("--mix has its own two texts: leave --text out.")
        second = (mix[1], 0.5 if weight is None else weight) if mix else None
        result = generate_files(model, given, wanted, output, settings, device, force, second, spoken)
    if as_json:
        console.say_json(result)
    else:
        console.say("\n".join(i["output"] for i in result["items"]))
        for note in result.get("notes", []):
            console.say(note, err=True)


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe (image, audio, text, digits, …) or a TOML file.")],
    data_dir: Annotated[Path, typer.Option(help="Folder with the data sets.")] = Path("data"),
    out: Annotated[Path | None, typer.Option(help="Folder for the checkpoint (default: runs/RECIPE).")] = None,
    resume: Annotated[bool, typer.Option(help="Continue the run in --out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run that is in --out.")] = False,
    init: Annotated[str | None, typer.Option(help="Start from this checkpoint's weights.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Train this long instead of the recipe's steps.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting instead of the recipe's, such as data.crop=96."),
    ] = None,
    validate_every: Annotated[
        int | None, typer.Option(help="Steps between looks at held-out data, of which the best is kept; 0: none.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="End after so many looks without a better one (default: never).")
    ] = None,
    device: Device = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network: the digits' steps take a third less time.")
    ] = False,
    evaluate_after: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Measure the result at the end.")
    ] = True,
) -> None:
    """Train a recipe and write its checkpoint; image, audio and text also take any folder of files as --data-dir."""
    from . import training
    from .evaluation import report

    folder = out or Path("runs") / Path(recipe).stem
    settings = {"validate_every": validate_every, "patience": patience}
    training.train(
        recipe,
        data_dir,
        folder,
        resume=resume,
        force=force,
        init=init,
        minutes=minutes,
        changes=[*(changes or []), *(f"{k}={v}" for k, v in settings.items() if v is not None)],
        device=device,
        compiled=compiled,
    )
    if not (folder / "config.json").is_file():  # the comparison prints its own table
        return
    console.say(f"The model is in {folder}.")
    if evaluate_after:
        console.say(report.text(report.evaluate(folder, data_dir, device=device)))


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A checkpoint: a name, a folder, or a Hub id.")],
    data_dir: Annotated[Path, typer.Option(help="Folder with the data sets.")] = Path("data"),
    limit: Annotated[int | None, typer.Option(help="At most this many test items a figure (default: all).")] = None,
    card: Annotated[bool, typer.Option("--card", help="Also write the table into the checkpoint's card.")] = False,
    group: Annotated[
        str, typer.Option(help="Diffusion models: directions, or samplers (every sampler at 4 to 64 evaluations).")
    ] = "directions",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure a checkpoint on its test data."""
    from . import checkpoints
    from .evaluation import report

    result = report.evaluate(model, data_dir, limit, device, group)
    if card and not report.write_into_card(checkpoints.find(model), result):
        console.say("The card has no place for figures, and is left as it is.", err=True)
    if as_json:
        console.say_json(result)
    else:
        console.say(report.text(result))


@app.command()
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Checkpoints to time (default: all shipped), dit (beside diffusers), or page."),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Time the models on this machine."""
    from . import checkpoints
    from .evaluation import bench as timing
    from .evaluation import report

    chosen = names or [n for n in checkpoints.list_checkpoints() if checkpoints.kind(n) in ("tokenizer", "joint")]
    results = [_bench_page(device) if name == "page" else timing.bench(name, device) for name in chosen]
    if as_json:
        console.say_json(results[0] if len(results) == 1 else {"models": results})
        return
    for result in results:
        console.say(f"{result['model']}\n{report.text(result)}")


def _bench_page(device: str) -> dict[str, Any]:
    """The page in a browser; gradio is imported for it only."""
    from .ui.bench_page import bench_page

    return bench_page(device)


@app.command(
    "app",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def page(context: typer.Context) -> None:
    """Open the demo page (`mmdemo app --help` lists its options)."""
    from .ui.start import main as launch

    launch(context.args)  # the options are those of app.py


def main() -> None:
    """Entry point: an error a person can cause is one sentence, never a traceback."""
    console.prepare()
    status: Any = 0
    try:
        app()
    except SystemExit as end:
        status = end.code
    except Exception as error:
        console.say(f"mmdemo: {console.sentence(error)}", err=True)
        status = 1
    raise SystemExit(console.close() or status)


if __name__ == "__main__":
    main()
