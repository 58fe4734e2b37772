"""What the command line does to files: nothing is lost, everything is planned first, one bad input stops no other."""

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small import run, saved
from typer.testing import CliRunner

from mmdemo import console, outputs
from mmdemo.cli import app, main
from mmdemo.codec import Codec
from mmdemo.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {
    "gbk": "这是一封信。今天天气很好。\r\n",
    "cp932": "これは手紙です。今日は天気がいい。",
    "utf-16": "A letter, 一封信",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("small"), "image")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 17, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def through(*arguments, data: bytes, code: int = 0):
    """One call of the command line with ``data`` on its standard input."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=data)
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def on_console(monkeypatch):
    """The whole program on a console of some encoding: (arguments, encoding) -> (standard output, error, status)."""

    def call(*arguments, encoding: str = "utf-8", stdout: Any = None) -> tuple[bytes, bytes, int]:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
        monkeypatch.setattr("sys.argv", ["mmdemo", *map(str, arguments)])
        monkeypatch.setattr("sys.stdout", stdout or out)
        monkeypatch.setattr("sys.stderr", err)
        with pytest.raises(SystemExit) as end:
            main()
        out.flush(), err.flush()
        assert b"Traceback" not in err.buffer.getvalue()
        return out.buffer.getvalue(), err.buffer.getvalue(), end.value.code

    return call


@pytest.mark.parametrize("command", ["encode", "reconstruct"])
def test_inputs_of_one_name_do_not_take_each_others_place(here, model, command):
    a, b, c = picture(here / "a/x.png", 1), picture(here / "b/x.jpg", 2), picture(here / "c.png", 3)
    done = run(command, a, b, c, "-o", "out", "--model", model, "--json", code=1)
    told = json.loads(done.stdout)
    assert [i["input"] for i in told["items"]] == [str(c)]
    assert [f["input"] for f in told["failed"]] == [str(a), str(b)]
    assert all("Other inputs" in f["error"] for f in told["failed"])
    assert len(contents(here / "out")) == 1
    run(command, c, c, "-o", "out", "--model", model)  # the same file twice is no collision


@pytest.mark.parametrize("output", ["x.png", ".", "./", "link.png"])
@pytest.mark.parametrize("options", [[], ["--force"]])
def test_an_input_is_not_written_over_unless_it_is_meant(here, model, output, options):
    picture(here / "x.png")
    (here / "link.png").symlink_to("x.png")
    before = contents(here)
    done = run("reconstruct", "x.png", "-o", output, "--model", model, *options, code=0 if options else 1)
    if options:
        assert (here / "x.png").read_bytes() != before["x.png"] and (here / "link.png").is_symlink()
    else:
        assert contents(here) == before and "over the input" in done.stderr


def test_another_input_is_not_written_over_even_when_forced(here, model):
    picture(here / "x.jpg"), picture(here / "x.png", 1)
    before = contents(here)
    done = run("reconstruct", "x.jpg", "x.png", "-o", ".", "--model", model, "--force", code=1)
    assert contents(here) == before and "x.png" in done.stderr


def test_a_file_beside_the_input_is_not_taken_for_a_result(here, model):
    picture(here / "x.jpg")
    picture(here / "x.png", 1)
    before = contents(here)
    run("reconstruct", "x.jpg", "-o", ".", "--model", model, code=1)
    assert contents(here) == before
    run("reconstruct", "x.jpg", "-o", ".", "--model", model, "--force")
    run("encode", "x.jpg", "-o", ".", "--model", model)
    run("encode", "x.jpg", "-o", ".", "--model", model)  # tokens are only ever ours


@pytest.mark.parametrize("output", ["p.png", "l.txt", "out.tokens"])
def test_tokens_are_kept_under_their_own_suffix(here, model, output):
    picture(here / "p.png")
    (here / "l.txt").write_text("Dear reader")
    before = contents(here)
    done = run("encode", "p.png", "-o", output, "--model", model, code=1)
    assert contents(here) == before and ".mmt" in done.stderr


def test_a_wrong_suffix_is_refused_before_anything_is_loaded(here, model, monkeypatch):
    run("encode", picture(here / "x.png"), "-o", "x.mmt", "--model", model)
    monkeypatch.setattr("mmdemo.loading.load", lambda *_: pytest.fail("loaded"))
    assert "has to end in" in run("decode", "x.mmt", "-o", "x.wav", code=1).stderr
    assert "has to end in" in run("reconstruct", "x.png", "-o", "x.wav", "--model", model, code=1).stderr


def test_places_that_cannot_be_written_to_are_one_sentence(here, model, on_console):
    x = picture(here / "x.png")
    (here / "file").write_text("in the way")
    for output in ("file/x.mmt", "file/below/x.mmt", "file"):
        done = run("encode", x, "-o", output, "--model", model, code=1)
        assert done.stderr.count("\n") == 1 and "file" in done.stderr
    (here / "folder.mmt" / "x.mmt").mkdir(parents=True)
    assert "is a folder" in run("encode", x, "-o", "folder.mmt", "--model", model, code=1).stderr
    _, said, status = on_console("generate", "--text", "seven", "-o", "file")
    assert status == 1 and said.startswith(b"mmdemo: ") and said.count(b"\n") == 1


def test_no_exception_stops_the_other_inputs(here, model, monkeypatch):
    names = [picture(here / f"{n}.png") for n in "abc"]
    encode, calls = Codec.encode, []

    def fragile(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError
        return encode(*arguments, **options)

    monkeypatch.setattr(Codec, "encode", fragile)
    done = run("encode", *names, "-o", "out", "--model", model, "--json", code=1)
    told = json.loads(done.stdout)
    assert [Path(i["input"]).name for i in told["items"]] == ["a.png", "c.png"]
    assert told["failed"][0]["error"].startswith("MemoryError") and sorted(contents(here / "out")) == ["a.mmt", "c.mmt"]


def test_standard_input_and_output(here, model):
    x = picture(here / "x.png")
    tokens = through("encode", "-", "-o", "-", "--model", model, data=x.read_bytes())
    back = through("decode", "-", "-o", "-", data=tokens.stdout_bytes)
    assert tokens.stderr.startswith("- -> -") and back.stderr.startswith("- -> -")
    run("reconstruct", x, "-o", "y.png", "--model", model)
    assert np.array_equal(np.array(Image.open(io.BytesIO(back.stdout_bytes))), np.array(Image.open("y.png")))
    through("encode", "-", "-o", "folder", "--model", model, data=x.read_bytes())
    assert sorted(p.name for p in here.iterdir()) == ["folder", "x.png", "y.png"]
    assert list(contents(here / "folder")) == ["stdin.mmt"]


@pytest.mark.parametrize(
    "arguments", [["x.png", "y.png", "-o", "-"], ["x.png", "-o", "-", "--json"], ["x.png", "y.png", "-o", "a.mmt"]]
)
def test_what_the_standard_output_cannot_take_is_wrong_usage(here, model, arguments):
    picture(here / "x.png"), picture(here / "y.png")
    run("encode", *arguments, "--model", model, code=2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_where_a_person_names_it(here):
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(b"Dear reader"))
    writer.start()
    run("encode", "pipe", "-o", "a.mmt")
    writer.join(10)
    run("decode", "a.mmt", "-o", "a.txt")
    assert (here / "a.txt").read_bytes() == b"Dear reader"


def test_the_standard_input_is_read_once_and_so_much(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bytes(100))))
    monkeypatch.setattr(console, "MAX_STREAM_BYTES", 99)
    with console.readable([outputs.STDIO, Path("a.png")]) as ((_, _, problem), other):
        assert "through the pipe" in problem and other == (Path("a.png"), Path("a.png"), "")
    run("encode", "-", "-", "-o", "out", code=2)  # it is named twice


def test_options_that_change_nothing_are_said(here, model):
    picture(here / "a.png")
    Path("a.txt").write_text("Dear reader")

    def notes(*arguments) -> list[str]:
        return json.loads(run(*arguments, "--force", "--json").stdout)["items"][0]["notes"]

    picture_options = "--model", model, "--encoding", "gbk"
    assert notes("encode", "a.png", "-o", "a.mmt", *picture_options, "--lossy") == [
        "--encoding changes nothing here: this is image.", "--lossy changes nothing here: this is image."
    ]  # fmt: skip
    assert notes("decode", "a.mmt", "-o", "b.png", "--model", model, "--original") == [
        "--original changes nothing here: this is image."
    ]
    assert notes("reconstruct", "a.png", "-o", "b.png", "--model", model, "--original", "--background", "white") == [
        "--original changes nothing here: this is image."
    ]
    assert notes("encode", "a.txt", "-o", "t.mmt", "--background", "white", "--encoding", "utf-8") == [
        "--background changes nothing here: this is text."
    ]
    assert notes("decode", "t.mmt", "-o", "b.txt", "--original") == ["--original changes nothing here: this is text."]


def test_a_text_under_the_name_of_a_picture_is_said(here):
    Path("photo.png").write_text("<html><body>404 Not Found</body></html>")
    item = json.loads(run("encode", "photo.png", "-o", "out", "--json").stdout)["items"][0]
    assert item["model"] == "text" and item["notes"] == ["This is text, though its name is one of image."]


def test_what_is_refused_leaves_no_empty_folder(here, model):
    Path("a.png").write_bytes(b"no picture")
    run("encode", "a.png", "-o", here / "new" / "folder" / "a.mmt", "--model", model, code=1)
    run("generate", "--model", model, "-o", here / "new" / "folder", code=1)
    run("generate", "--number", "4072", "--model", model, "-o", here / "new" / "folder", code=1)
    run("train", "image", "--data-dir", here, "--out", here / "runs" / "a", code=1)
    assert [p.name for p in here.iterdir()] == ["a.png"]
    (here / "empty").mkdir()  # which was there before
    run("encode", "a.png", "-o", here / "empty", "--model", model, code=1)
    assert (here / "empty").is_dir()


def test_closed_streams_are_a_sentence_and_stop_no_other_input(here, model, monkeypatch):
    picture(here / "a.png")
    monkeypatch.setattr("sys.stdin", None)
    with console.readable([outputs.STDIO, Path("a.png")]) as ((_, _, problem), (_, _, other)):
        assert problem == "The standard input is closed." and not other
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(InputError, match="output is closed"), console.written_out(".mmt"):
        pass


def test_the_work_is_done_without_a_standard_output(here, monkeypatch):
    (here / "a.txt").write_text("seven")
    monkeypatch.setattr("sys.argv", ["mmdemo", "encode", "a.txt", "-o", "a.mmt"])
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(SystemExit, match="0"):
        main()
    assert (here / "a.mmt").is_file()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp932", "utf-8"])
def test_any_console_encoding(here, on_console, encoding):
    (here / "名前😀é.txt").write_text("七")
    (here / "after.txt").write_text("seven")
    names = ["名前😀é.txt", "after.txt"]
    out, _, status = on_console("encode", *names, "-o", "out", encoding=encoding)
    assert status == 0 and out.count(b"\n") == 2 and len(contents(here / "out")) == 2
    out, _, status = on_console("encode", *names, "-o", "out", "--json", encoding=encoding)
    assert status == 0 and [i["input"] for i in json.loads(out.decode(encoding))["items"]] == names
    out, _, status = on_console("train", "--help", encoding=encoding)  # it has "…" in it
    assert status == 0 and out


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_standard_output_is_a_sentence():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open("/dev/full", "wb") as full:  # as a process of its own: Python writes once more when it ends
        done = subprocess.run(
            [sys.executable, "-m", "mmdemo", "--version"], stdout=full, stderr=subprocess.PIPE, env=environment
        )
    assert done.returncode == 1 and done.stderr.startswith(b"mmdemo: ") and done.stderr.count(b"\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("as_json", [False, True])
def test_a_full_standard_output_stops_no_work(here, on_console, as_json):
    for name in ("a.txt", "b.txt"):
        (here / name).write_text("seven")
    with open("/dev/full", "w") as full:
        _, err, status = on_console("encode", "a.txt", "b.txt", "-o", "out", *["--json"] * as_json, stdout=full)
    assert sorted(contents(here / "out")) == ["a.mmt", "b.mmt"]
    assert status == 1 and err == b"mmdemo: the output could not be written (No space left on device).\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_result_that_the_standard_output_does_not_take_is_a_sentence(here, on_console):
    (here / "a.txt").write_text("seven")
    with open("/dev/full", "w") as full:
        _, err, status = on_console("encode", "a.txt", "-o", "-", stdout=full)
    assert status == 1
    assert err.startswith(b"a.txt: The standard output did not take the result (No space left on device).\n")


def test_version(on_console):
    from mmdemo import __version__

    assert on_console("--version") == (f"mmdemo {__version__}\n".encode(), b"", 0)


def test_unforeseen_errors_are_told_and_shown_when_asked_for(on_console, monkeypatch, capsys):
    monkeypatch.setattr("mmdemo.evaluation.report.evaluate", lambda *_: 1 / 0)
    _, said, status = on_console("evaluate", "image")
    assert status == 1 and said.startswith(b"mmdemo: ZeroDivisionError") and said.count(b"\n") == 1
    monkeypatch.setenv("MMDEMO_DEBUG", "1")
    monkeypatch.setattr("traceback.print_exception", lambda error: print("shown", file=sys.stderr))
    assert on_console("evaluate", "image")[1].startswith(b"shown")


@pytest.mark.parametrize("encoding", TEXTS)
def test_texts_of_any_encoding_come_back_byte_for_byte(here, encoding):
    raw = TEXTS[encoding].encode(encoding)
    (here / "letter.txt").write_bytes(raw)
    done = run("encode", "letter.txt", "-o", "a.mmt", "--json")
    item = json.loads(done.stdout)["items"][0]
    assert item["notes"] and (item["rate"], item["rate_unit"]) == (8 * item["bytes"] / len(TEXTS[encoding]), "bpc")
    run("decode", "a.mmt", "-o", "back.txt")
    assert (here / "back.txt").read_bytes() == raw
    run("encode", "letter.txt", "-o", "b.mmt", "--encoding", encoding)
    run("decode", "b.mmt", "-o", "back.txt")
    assert (here / "back.txt").read_bytes() == raw
    assert "no text encoding" in run("encode", "letter.txt", "-o", "b.mmt", "--encoding", "zip", code=1).stderr


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbfDear\r\nreader\r", b"caf\xc3\xa9 \xff\xfe\0", b"\0", bytes(range(256))])
def test_bytes_of_a_text_file_come_back(here, raw):
    (here / "a.txt").write_bytes(raw)
    run("encode", "a.txt", "-o", "a.mmt")
    run("decode", "a.mmt", "-o", "b.txt")
    assert (here / "b.txt").read_bytes() == raw


def test_devices_that_are_not_here_are_sentences(here, model):
    done = run("encode", picture(here / "x.png"), "-o", "x.mmt", "--model", model, "--device", "gpu", code=1)
    assert "no device 'gpu'" in done.stderr and done.stderr.count("\n") == 1


def test_figures_without_a_number_are_null_in_json(capsys):
    console.say_json({"psnr": float("inf"), "rows": [float("nan"), 1.5, ("七",)]})
    assert json.loads(capsys.readouterr().out) == {"psnr": None, "rows": [None, 1.5, ["七"]]}


def test_the_ground_under_transparent_parts_may_be_chosen(here, model):
    Image.new("RGBA", (16, 16), (255, 255, 255, 0)).save(here / "clear.png")
    files = {}
    for ground in ("white", "black", "checker"):
        result = run("encode", "clear.png", "-o", f"{ground}.mmt", "--model", model, "--background", ground, "--json")
        (note,) = json.loads(result.stdout)["items"][0]["notes"]
        assert ground in note
        files[ground] = (here / f"{ground}.mmt").read_bytes()
    assert files["white"] != files["black"]
    result = run("reconstruct", "clear.png", "-o", "out.png", "--model", model, "--background", "pink", code=1)
    assert "white, black, checker" in result.output
