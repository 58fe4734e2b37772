"""Many inputs, one report: what the commands that turn files into files have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from . import console, outputs
from .errors import InputError
from .files import no_empty_folder

if TYPE_CHECKING:
    from .codec import Codec
    from .modalities import Item
    from .tokens.mmt import MadeBy


def run(
    inputs: list[Path],
    output: Path,
    suffixes: Callable[[Path], Sequence[str]],
    one: Callable[[Path, Path], dict[str, Any]],
    as_json: bool,
    force: bool,
) -> None:
    """Plan all results, make them one by one, report inputs that fail, and exit with 1 if any did.

    Args:
        suffixes: see `outputs.plan`. one: makes the result of an input, and says what to tell about it.
    """
    if as_json and output == outputs.STDIO:
        raise typer.BadParameter("the result would stand beside the JSON: leave one of them out.", param_hint="-o")
    if sum(path == outputs.STDIO for path in inputs) > 1:
        raise typer.BadParameter("the standard input can be read once; it is named twice.", param_hint="INPUTS")
    aside = output == outputs.STDIO  # what is told then goes to the standard error
    items, failed = [], []
    with no_empty_folder(output), console.readable(inputs) as readable:
        try:
            jobs = outputs.plan(readable, output, suffixes, force)
        except InputError as error:
            raise typer.BadParameter(str(error), param_hint="-o") from None
        for job in jobs:
            try:
                if job.refused:
                    raise InputError(job.refused)
                item = _done(job, suffixes, one)
            except Exception as error:  # whatever it is, it is no reason to leave out the others
                failed.append({"input": str(job.source), "error": console.sentence(error)})
                if not as_json:
                    console.say(f"{job.source}: {failed[-1]['error']}", err=True)
                continue
            items.append(item)
            if not as_json:
                console.say(_line(item), err=aside)
                for note in item.get("notes", []):
                    console.say(f"{job.source}: {note}", err=True)
    if as_json:
        console.say_json({"items": items, "failed": failed})
    raise typer.Exit(1 if failed else 0)


def _done(
    job: outputs.Job, suffixes: Callable[[Path], Sequence[str]], one: Callable[[Path, Path], dict[str, Any]]
) -> dict[str, Any]:
    if job.target:
        made = one(job.path, job.target)
        return {"input": str(job.source), "output": str(job.target), **made}
    with console.written_out(suffixes(job.path)[0]) as target:
        made = one(job.path, target)
    return {"input": str(job.source), "output": "-", **made}


def _line(item: dict[str, Any]) -> str:
    shown = [
        f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
        for k, v in item.items()
        if k not in ("input", "output", "notes") and v is not None
    ]
    return f"{item['input']} -> {item['output']}  ({', '.join(shown)})"


class Codecs:
    """Codecs by name, loaded once; the model is guessed from the input where none is named.

    Attributes:
        encoding: of text files; None where it is found out. background: of pictures' transparent parts; None for auto.
    """

    def __init__(
        self, model: str | None, device: str, encoding: str | None = None, background: str | None = None
    ) -> None:
        self.model, self.device, self.encoding, self.background = model, device, encoding, background
        self.loaded: dict[str, Codec] = {}

    def get(self, name: str) -> Codec:
        from .loading import load_tokenizer

        if name not in self.loaded:
            self.loaded[name] = load_tokenizer(name, self.device)
        return self.loaded[name]

    def for_input(self, path: Path) -> Codec:
        return self.get(self.model or self._modality(path))

    def for_tokens(self, tokens: MadeBy) -> Codec:
        """The codec that a tokens file names, which need not be a name that a person may type."""
        from .loading import load_for_tokens

        if self.model:
            return self.get(self.model)
        key = f"{tokens.model} {tokens.fingerprint}"
        if key not in self.loaded:
            self.loaded[key] = load_for_tokens(tokens, self.device)
        return self.loaded[key]

    def suffixes(self, path: Path) -> Sequence[str]:
        """What a file of the input's modality may end in; without loading a model."""
        from . import checkpoints
        from .modalities import MODALITIES

        if self.model is None:
            return MODALITIES[self._modality(path)].save_suffixes
        config = checkpoints.read_config(checkpoints.find(self.model))
        modality = str(config.get("modality"))
        if modality not in MODALITIES:
            return self.get(self.model).processor.save_suffixes  # which says what is wrong with it
        return MODALITIES[modality].save_suffixes

    def _modality(self, path: Path) -> str:
        from .modalities import MODALITIES, guess

        if self.encoding:  # what has one is what has the option
            return next(name for name, modality in MODALITIES.items() if "encoding" in modality.options)
        return guess(path)

    def remarks(self, codec: Codec, path: Path, original: bool = False, lossy: bool = False) -> list[str]:
        """Notes on what was asked for: a file whose name says another modality than its content, and each option that
        was given and changes nothing for inputs of the codec's modality."""
        from .modalities import MODALITIES

        kind = codec.processor
        named = [m.name for m in MODALITIES.values() if path.suffix.lower() in m.suffixes]
        misnamed = (
            [f"This is {kind.name}, though its name is one of {named[0]}."] if named and kind.name not in named else []
        )
        idle = {
            "encoding": self.encoding and "encoding" not in kind.options,
            "background": self.background and "background" not in kind.options,
            "original": original and not kind.has_original,
            "lossy": lossy and not kind.lossless,
        }
        nothing = [f"--{name} changes nothing here: this is {kind.name}." for name, given in idle.items() if given]
        return misnamed + nothing

    def load(self, codec: Codec, path: Path) -> Item:
        asked = {"encoding": self.encoding, "background": self.background}
        return codec.load(path, **{k: v for k, v in asked.items() if v and k in codec.processor.options})
