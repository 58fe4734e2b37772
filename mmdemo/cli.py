"""The command line: the same functions as the Python API and the page, one command each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .diffusion.settings import SamplingSettings
from .errors import InputError, MmdemoError

if TYPE_CHECKING:
    from .codec import Codec

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="See inside VQ autoencoders and diffusion transformers for images, text and audio.",
)

Inputs = Annotated[list[Path], typer.Argument(help="One or more files.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="A file, or a folder where there are several inputs.")]
Levels = Annotated[int | None, typer.Option(help="Residual levels to use (default: all).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Original = Annotated[
    bool, typer.Option("--original", help="Sound only: at the sample rate and with the channels of the input.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]

SUFFIX = {"image": ".png", "audio": ".wav", "text": ".txt"}


def _run_many(inputs: list[Path], one: Callable[[Path], dict[str, Any]], as_json: bool) -> None:
    """Do every input, report the ones that fail, and exit with 1 if any did."""
    items, failed = [], []
    for path in inputs:
        try:
            items.append(one(path))
        except MmdemoError as error:
            failed.append({"input": str(path), "error": str(error)})
            if not as_json:
                typer.echo(f"{path}: {error}", err=True)
            continue
        if not as_json:
            typer.echo(_line(items[-1]))
            for note in items[-1].get("notes", []):
                typer.echo(f"{path}: {note}", err=True)
    if as_json:
        typer.echo(json.dumps({"items": items, "failed": failed}, ensure_ascii=False))
    raise typer.Exit(1 if failed else 0)


def _line(item: dict[str, Any]) -> str:
    shown = [
        f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
        for k, v in item.items()
        if k not in ("input", "output", "notes") and v is not None
    ]
    return f"{item['input']} -> {item['output']}  ({', '.join(shown)})"


def _target(path: Path, output: Path, suffix: str, many: bool) -> Path:
    """Where a result goes: the file named by -o, or its input's stem in the folder named by -o."""
    if not many and output.suffix:
        output.parent.mkdir(parents=True, exist_ok=True)
        return output
    if output.suffix and not output.is_dir():
        raise typer.BadParameter(f"{output} is a file, and there are several inputs: give a folder.", param_hint="-o")
    output.mkdir(parents=True, exist_ok=True)
    return output / (path.stem + suffix)


class _Codecs:
    """Codecs by name, loaded once; the model is guessed from the input where none is named."""

    def __init__(self, model: str | None, device: str) -> None:
        self.model, self.device = model, device
        self.loaded: dict[str, Codec] = {}

    def get(self, name: str) -> Codec:
        from .codec import Codec
        from .loading import load

        if name not in self.loaded:
            self.loaded[name] = load(name, self.device)
            if not isinstance(self.loaded[name], Codec):
                raise InputError(f"{name!r} is a diffusion model; a tokenizer is needed here: image, audio or text.")
        return self.loaded[name]

    def for_input(self, path: Path) -> Codec:
        from .modalities import guess

        return self.get(self.model or guess(path))


@app.command()
def reconstruct(
    inputs: Inputs,
    output: Output,
    model: Annotated[str | None, typer.Option(help="image, audio, text, a folder, or a Hub id.")] = None,
    levels: Levels = None,
    original: Original = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Encode to tokens and decode again, and say what it cost and lost."""
    from . import api

    codecs = _Codecs(model, device)

    def one(path: Path) -> dict[str, Any]:
        codec = codecs.for_input(path)
        result = api.reconstruct(path, codec, levels, original)
        saved = codec.files.save(result.output, _target(path, output, SUFFIX[codec.modality], len(inputs) > 1))
        return {
            "input": str(path),
            "output": str(saved),
            "model": codec.name,
            "levels": result.tokens.levels,
            **result.figures,
            "notes": [str(n) for n in result.item.notes],
        }

    _run_many(inputs, one, as_json)


@app.command()
def encode(
    inputs: Inputs,
    output: Output,
    model: Annotated[str | None, typer.Option(help="image, audio, text, a folder, or a Hub id.")] = None,
    levels: Levels = None,
    device: Device = "auto",
    as_json: Json = False,
    lossy: Annotated[bool, typer.Option("--lossy", help="Text only: keep the tokens and drop the exact text.")] = False,
) -> None:
    """Files -> tokens (.mmt). Sounds may be of any length: they are read and coded piece by piece."""
    from . import streaming
    from .modalities import audio

    codecs = _Codecs(model, device)

    def one(path: Path) -> dict[str, Any]:
        codec = codecs.for_input(path)
        if codec.modality == "audio":
            sound = audio.stream_blocks(path)
            notes, tokens = sound.notes, streaming.encode(codec, sound, levels)
        else:
            item = codec.load(path)
            notes = item.notes
            tokens = codec.encode(item, levels, lossless=codec.modality == "text" and not lossy)
        saved = tokens.save(_target(path, output, ".mmt", len(inputs) > 1))
        value, unit = codec.rate(tokens)
        return {
            "input": str(path),
            "output": str(saved),
            "model": codec.name,
            "levels": tokens.levels,
            "tokens": tokens.count,
            "bytes": saved.stat().st_size,
            "rate": value,
            "rate_unit": unit,
            "notes": [str(n) for n in notes],
        }

    _run_many(inputs, one, as_json)


@app.command()
def decode(
    inputs: Inputs,
    output: Output,
    levels: Levels = None,
    original: Original = False,
    model: Annotated[str | None, typer.Option(help="Use this checkpoint instead of the one the file names.")] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Tokens (.mmt) -> files; fewer levels than stored give a coarser result."""
    from . import streaming
    from .modalities import audio
    from .tokens import Tokens

    codecs = _Codecs(model, device)

    def one(path: Path) -> dict[str, Any]:
        tokens = Tokens.load(path)
        codec = codecs.get(model or tokens.model)
        target = _target(path, output, SUFFIX[codec.modality], len(inputs) > 1)
        if codec.modality == "audio":
            saved = audio.save_blocks(streaming.decode(codec, tokens, levels), target, tokens.meta, original)
        else:
            saved = codec.files.save(codec.decode(tokens, levels, original), target)
        done = {"input": str(path), "output": str(saved), "model": codec.name}
        if tokens.exact and not levels:
            return {**done, "exact": True}
        return {**done, "levels": levels or tokens.levels, "tokens": tokens.count}

    _run_many(inputs, one, as_json)


@app.command()
def generate(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")],
    model: Annotated[str, typer.Option(help="A diffusion checkpoint: a name, a folder, or a Hub id.")] = "digits",
    text: Annotated[str | None, typer.Option(help="Given text.")] = None,
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
        str | None, typer.Option("--speaker", "--style", help="One of the model's speakers, or drawing styles.")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Sample from a diffusion model, from any mixture of text, picture and recording, or from nothing."""
    from .generation import generate_files, generate_number_files

    given = {"text": text, "image": image, "audio": audio}
    wanted = [w.strip() for w in want.split(",") if w.strip()] if want else None
    settings = SamplingSettings(n=n, steps=steps, guidance=guidance, sampler=sampler, seed=seed, style=speaker)
    if number is not None:
        if any(v is not None for v in given.values()):
            raise typer.BadParameter("a number is made from its digits alone: leave --text, --image and --audio out.")
        result = generate_number_files(model, number, wanted, output, settings, device)
    else:
        result = generate_files(model, given, wanted, output, settings, device)
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else "\n".join(i["output"] for i in result["items"]))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe (image, audio, text, digits, …) or a TOML file.")],
    data_dir: Annotated[Path, typer.Option(help="Folder with the data sets.")] = Path("data"),
    out: Annotated[Path | None, typer.Option(help="Folder for the checkpoint (default: runs/RECIPE).")] = None,
    resume: Annotated[bool, typer.Option(help="Continue the run in --out.")] = False,
    init: Annotated[str | None, typer.Option(help="Start from this checkpoint's weights.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Train this long instead of the recipe's steps.")] = None,
    device: Device = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network: the digits' steps take a third less time.")
    ] = False,
    evaluate_after: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Measure the result at the end.")
    ] = True,
) -> None:
    """Train a recipe and write its checkpoint."""
    from . import training
    from .evaluation import report

    folder = out or Path("runs") / Path(recipe).stem
    training.train(
        recipe, data_dir, folder, resume=resume, init=init, minutes=minutes, device=device, compiled=compiled
    )
    if evaluate_after and (folder / "config.json").is_file():  # the comparison prints its own table
        typer.echo(report.table(report.evaluate(str(folder), data_dir, device=device)["figures"]))


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
    if card:
        report.write_into_card(checkpoints.find(model), result)
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else report.table(result["figures"]))


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Checkpoints to time (default: all shipped).")] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Time the models on this machine."""
    from . import checkpoints
    from .evaluation import bench as timing
    from .evaluation import report

    chosen = names or [n for n in checkpoints.list_checkpoints() if checkpoints.kind(n) in ("tokenizer", "joint")]
    results = [timing.bench(name, device) for name in chosen]
    if as_json:
        typer.echo(json.dumps(results[0] if len(results) == 1 else {"models": results}, ensure_ascii=False))
        return
    for result in results:
        typer.echo(f"{result['model']}\n{report.table(result['figures'])}")


@app.command("app")
def page(
    host: str = "127.0.0.1",
    port: int = 7860,
    share: bool = False,
    device: Device = "auto",
    auth: Annotated[str | None, typer.Option(help="USER:PASSWORD asked of visitors.")] = None,
) -> None:
    """Open the demo page."""
    from .ui.app import main as launch

    options = ["--host", host, "--port", str(port), "--device", device]
    launch([*options, *(["--share"] if share else []), *(["--auth", auth] if auth else [])])


def main() -> None:
    """Entry point: an error a person can cause is one sentence, never a traceback."""
    try:
        app()
    except MmdemoError as error:
        typer.echo(f"mmdemo: {error}", err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
