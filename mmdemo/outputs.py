"""Where results go, planned for all inputs before any work: nothing is overwritten by accident or found out late."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import InputError, MmdemoError
from .files import check_folder, shown

STDIO = Path("-")  # standard input or output


@dataclass(frozen=True)
class Job:
    """One input and where its result goes.

    Attributes:
        source: as it was typed. path: where to read it. target: None for the standard output.
        refused: why it cannot be done; "" if it can.
    """

    source: Path
    path: Path
    target: Path | None
    refused: str = ""


def plan(
    inputs: Sequence[tuple[Path, Path, str]],
    output: Path,
    suffixes: Callable[[Path], Sequence[str]],
    force: bool = False,
) -> list[Job]:
    """A job for each input, in their order; what would lose a file, or cannot be written, is refused now.

    Args:
        inputs: each as it was typed, where it is to be read, and why it cannot be ("" where it can).
        output: a file for one input, a folder for several, or ``-``.
        suffixes: what the result of an input may end in, the usual ending first; MmdemoError for an input that is none.
        force: write over the input itself, and over other files beside it.

    Raises:
        InputError: one file for several inputs.
    """
    many = len(inputs) > 1
    if many and output == STDIO:
        raise InputError("There are several inputs, and the standard output takes one result.")
    as_file = not output.is_dir() and (bool(output.suffix) or output.exists())
    if many and as_file:
        raise InputError(f"{shown(output)} is a file, and there are several inputs: give a folder.")
    jobs = []
    for source, path, unreadable in inputs:
        try:
            if unreadable:
                raise InputError(unreadable)
            endings = suffixes(path)
        except MmdemoError as error:
            jobs.append(Job(source, path, None, str(error)))
            continue
        if output == STDIO:
            jobs.append(Job(source, path, None))
        elif as_file:
            wrong = output.suffix.lower() not in endings
            refused = f"Cannot save as {shown(output)}; the name has to end in {', '.join(endings)}." if wrong else ""
            jobs.append(Job(source, path, output, refused))
        else:
            jobs.append(Job(source, path, output / (path.stem + endings[0])))
    jobs = _without_losses(jobs, named=as_file, force=force)
    return _writable(jobs)


def _without_losses(jobs: list[Job], named: bool, force: bool) -> list[Job]:
    """The jobs, those refused that would write over an input, over another job's result, or over what may be one."""
    takers = Counter(_key(target) for target, _ in {(j.target, _real(j.path)) for j in jobs if j.target})
    inputs = [j.path for j in jobs]

    def problem(job: Job) -> str:
        target = job.target
        if job.refused or target is None:
            return job.refused
        if takers[_key(target)] > 1:
            return f"Other inputs would become {shown(target)} too: give each a folder of its own."
        if target.is_dir():
            return f"{shown(target)} is a folder."
        over = [path for path in inputs if _same(path, target)]
        if over and not (force and all(_same(path, job.path) for path in over)):
            return f"The result would be written over the input {shown(target)}: choose another place."
        beside = target.exists() and _same(target.parent, job.path.parent)
        if beside and not named and not force and target.suffix != ".mmt":
            return f"{shown(target)} is there already, beside the input: choose another folder, or --force."
        return ""

    return [replace(job, refused=problem(job)) for job in jobs]


def _writable(jobs: list[Job]) -> list[Job]:
    problems: dict[Path, str] = {}
    for folder in {job.target.parent for job in jobs if job.target and not job.refused}:
        try:
            check_folder(folder)
        except InputError as error:
            problems[folder] = str(error)
    return [
        replace(job, refused=problems.get(job.target.parent, "")) if job.target and not job.refused else job
        for job in jobs
    ]


def _real(path: Path) -> str:
    return os.path.realpath(path)


def _key(target: Path) -> str:
    """The same for all names of one file, where a system's usual disks do not tell cases apart."""
    name = _real(target)
    return unicodedata.normalize("NFC", name).casefold() if sys.platform in ("darwin", "win32") else name


def _same(a: Path, b: Path) -> bool:
    try:
        return os.path.samefile(a, b)
    except OSError:  # one of them is not there
        return False
