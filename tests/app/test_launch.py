"""Starting the app: what is wrong is one sentence, a proxy may show it at a sub-path, and one's own models appear."""

from __future__ import annotations

import http.client
import io
import os
import re
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import httpx
import numpy as np
import pytest
import torch
from generate_model import RandomContext, served
from gradio_client import Client, handle_file
from PIL import Image
from typer.testing import CliRunner

import mmdemo
from mmdemo import checkpoints
from mmdemo.cli import app as command_line
from mmdemo.errors import InputError
from mmdemo.tokenizers import build_tokenizer
from mmdemo.ui import app
from mmdemo.ui.serving import launch
from mmdemo.ui.shared.state import Context

SMALL = {
    "width4": 8, "width8": 16, "depth4": 1, "depth8": 1, "bottleneck": {"dim": 4, "levels": 2, "codebook_size": 16},
}  # fmt: skip


def own_tokenizer(folder: Path) -> Path:
    """What training on one's own pictures leaves in a folder, untrained."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer("image", SMALL)
    tokenizer.bottleneck.init_codebooks(torch.randn(500, 4))
    config = {"kind": "tokenizer", "name": "mine", "modality": "image", "model": SMALL}
    checkpoints.save(folder, tokenizer, config)
    return folder


# ---------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--auth", "nobody"], "--auth takes USER:PASSWORD, and neither may be empty."),
        (["--auth", ":x"], "--auth takes USER:PASSWORD, and neither may be empty."),
        (["--root-path", "demo"], "--root-path takes a path such as /demo, or an address such as https://host/demo"),
        (["--port", "0"], "--port takes a number from 1 to 65535, not 0."),
        (["--host", "no.such.host.invalid"], "This machine has no address 'no.such.host.invalid' to listen on."),
        (["--model", "mine"], "--model takes NAME=FOLDER, where NAME is image, audio, text or digits, not 'mine'."),
        (["--model", "emoji=."], "--model takes NAME=FOLDER, where NAME is image, audio, text or digits"),
        (["--model", "image=/no/such/folder"], "there is no folder '/no/such/folder'."),
        (["--model", "image=.", "--model", "image=.."], "--model names image twice."),
    ],
)
def test_wrong_options_are_a_sentence(options, sentence, capsys):
    with pytest.raises(SystemExit) as end:
        launch.options_of(options)
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert said.startswith("mmdemo app: ") and sentence in said and said.count("\n") == 1


def test_a_port_that_is_taken(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit, match="2"):
            launch.options_of(["--port", str(taken.getsockname()[1])])
    assert "is taken already; name another with --port" in capsys.readouterr().err


def test_a_page_that_is_slow_to_answer_itself_is_served(monkeypatch):
    monkeypatch.setattr("gradio.networking.url_ok", lambda url: False)
    with gr.Blocks() as page:
        gr.Markdown("here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    up = []

    def started():
        up.append(page.local_url)
        raise KeyboardInterrupt

    launch.serve(page, launch.options_of(["--port", str(port)]), app.launch_kwargs(), started)
    assert up == [f"http://127.0.0.1:{port}/"]


@pytest.mark.parametrize("place", ["a file", "no place"])
def test_uploads_that_cannot_be_kept(place, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file" / ("" if place == "a file" else "below")))
    with pytest.raises(SystemExit, match="2"):
        launch.options_of([])
    assert "(GRADIO_TEMP_DIR): " in capsys.readouterr().err


def test_the_folder_is_this_servers_alone_and_goes_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with launch.own_folder() as folder:
        assert folder.parent == tmp_path and os.environ["GRADIO_TEMP_DIR"] == str(folder)
        (folder / "upload.png").write_bytes(b"")
        with launch.own_folder() as another:
            assert another != folder
    assert not list(tmp_path.iterdir()) and os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)


def test_both_commands_are_the_same(repo_root, monkeypatch):
    asked = []
    monkeypatch.setattr(app, "main", lambda argv=None: asked.append(sys.argv[1:] if argv is None else argv))
    monkeypatch.setattr(sys, "argv", ["app.py", "--port", "1234"])
    runpy.run_path(str(repo_root / "app.py"), run_name="__main__")
    assert CliRunner().invoke(command_line, ["app", "--port", "1234"]).exit_code == 0
    assert asked == [["--port", "1234"]] * 2


@pytest.mark.parametrize("when", ["built", "served"])
def test_told_to_end(when, monkeypatch, tmp_path):
    """SIGTERM ends the app as Ctrl-C does, and its folder goes."""
    before = signal.getsignal(signal.SIGTERM)

    def killed(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(10)  # interrupted
        raise AssertionError("it went on")

    closed = []
    page = SimpleNamespace(launch=killed, close=lambda: closed.append(True))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(app, "build", killed if when == "built" else lambda *args: page)
    try:
        if when == "built":
            with pytest.raises(SystemExit) as end:
                app.main(["--device", "cpu"])
            assert end.value.code == 130
        else:
            app.main(["--device", "cpu"])
            assert closed
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------- one's own models


def test_a_folder_that_holds_another_kind_of_model(tmp_path):
    own_tokenizer(tmp_path / "mine")
    with pytest.raises(InputError, match="is no audio tokenizer, but a model of another kind: image tokenizer"):
        Context("cpu", {"audio": str(tmp_path / "mine")})
    with pytest.raises(InputError, match="is no diffusion model, as digits is, but a tokenizer"):
        Context("cpu", {"digits": str(tmp_path / "mine")})
    with pytest.raises(InputError, match=r"has no readable config\.json"):
        Context("cpu", {"image": str(tmp_path)})


class Proxy(BaseHTTPRequestHandler):
    """Shows a server at /demo, as others would."""

    port = 0  # of the server

    def forward(self) -> None:
        if not self.path.startswith("/demo"):
            return self.send_error(404)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {**self.headers, "X-Forwarded-Host": self.headers["Host"], "X-Forwarded-Proto": "http"}
        behind = http.client.HTTPConnection("127.0.0.1", self.port)
        behind.request(self.command, self.path.removeprefix("/demo") or "/", body, headers)
        answer = behind.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        while piece := answer.read1():
            self.wfile.write(piece)
            self.wfile.flush()
        behind.close()

    do_GET = do_POST = do_HEAD = forward

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def behind_a_proxy(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """The page with a tokenizer of one's own, at a sub-path: its address there, and the folder of the tokenizer."""
    folder = own_tokenizer(tmp_path_factory.mktemp("own") / "mine")
    context = RandomContext(tmp_path_factory.mktemp("model") / "digits")
    context.own["image"] = str(folder)
    with served(context, root_path="/demo") as url:
        proxy = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("ThisProxy", (Proxy,), {"port": int(url.rsplit(":", 1)[1].split("/")[0])})
        )
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}/demo", folder
        proxy.shutdown()
        proxy.server_close()


def test_behind_a_proxy_at_a_sub_path(behind_a_proxy):
    url, _ = behind_a_proxy
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    page = httpx.get(f"{url}/").text
    assert set(re.findall(r'"root": ?"([^"]*)"', page)) == {url}
    assert httpx.get(f"{url}/config").json()["root"] == url
    assert httpx.get(f"{url}/gradio_api/proxy=http://127.0.0.1:1/x").status_code == 404  # the doors are there too


def test_ones_own_tokenizer_is_in_the_page(behind_a_proxy, tmp_path):
    url, folder = behind_a_proxy
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 56, 3), np.uint8))
    picture.save(tmp_path / "picture.png")
    client = Client(url, verbose=False, download_files=str(tmp_path))
    output, figures, tokens = client.predict(
        handle_file(tmp_path / "picture.png"), 0, "auto", api_name="/reconstruct_image"
    )
    codec = mmdemo.load(folder, "cpu")
    right = codec.encode(picture)
    assert Path(tokens).read_bytes() == right.to_bytes()
    assert np.array_equal(Image.open(output), codec.decode(right))
    assert figures["bytes"] == len(right.to_bytes())
    assert len(client.predict("image", 1, api_name="/codebook")["norms"]) == codec.codebook_size
    page = httpx.get(f"{url}/config").text
    assert "Image: mine" in page and "图像：mine" in page
    client.close()


def test_a_program_can_send_what_it_is_given_back(behind_a_proxy):
    """Uploads and results go through the proxy as they are."""
    url, _ = behind_a_proxy
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, "PNG")
    path = httpx.post(f"{url}/gradio_api/upload", files={"files": ("red.png", file.getvalue())}).json()[0]
    assert httpx.get(f"{url}/gradio_api/file={path}").content == file.getvalue()
