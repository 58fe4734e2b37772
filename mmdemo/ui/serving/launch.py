"""The options of `mmdemo app` and `app.py`, and a start that says in one sentence why it cannot be."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gradio import http_server

from mmdemo.errors import InputError
from mmdemo.files import check_folder
from mmdemo.modalities import MODALITIES
from mmdemo.ui.serving.environment import NUMBERS, number, past_proxies
from mmdemo.ui.shared.state import DIGITS
from mmdemo.ui.shared.store import store

MODELS = (*MODALITIES, DIGITS)
FIRST_PORT, PORTS = 7860, 100  # Gradio takes the first free one of these where none is named


def parser() -> argparse.ArgumentParser:
    """The options, the same for both commands."""
    options = argparse.ArgumentParser(prog="mmdemo app", description="Open the demo in a browser.", allow_abbrev=False)
    share = os.environ.get("GRADIO_SHARE", "").lower() == "true"
    options.add_argument(
        "--share", action="store_true", default=share, help="also serve on a public gradio.live address"
    )
    options.add_argument("--host", default=None, help="address to listen on (default 127.0.0.1)")
    options.add_argument("--port", type=int, default=None, help="port (default: the first free one from 7860)")
    options.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    options.add_argument("--auth", default=None, metavar="USER:PASSWORD", help="ask for this name and password")
    options.add_argument(
        "--root-path", default=None, metavar="/PATH", help="path under which a proxy shows the app, such as /demo"
    )
    options.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help=f"show a model of your own in place of a shipped one ({', '.join(MODELS)}); may be given for each",
    )
    return options


def options_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parsed and checked: `auth` becomes (user, password). Ends with status 2 and a sentence where it is wrong."""
    options = parser()
    args = options.parse_args(argv)
    try:
        args.auth = account(args.auth)
        args.model = models(args.model)
        args.root_path = root_path(args.root_path)
        root_path(os.environ.get("GRADIO_ROOT_PATH"), "GRADIO_ROOT_PATH")
        check_host(args.host)
        check_host(os.environ.get("GRADIO_SERVER_NAME"), " (GRADIO_SERVER_NAME)")  # it is tried even if not used
        check_port(args.host or os.environ.get("GRADIO_SERVER_NAME"), args.port)
        temporary_folder()
        check_kept()
    except InputError as error:
        options.exit(2, f"{options.prog}: {error}\n")
    return args


def account(given: str | None) -> tuple[str, str] | None:
    """ "USER:PASSWORD" as a pair. Raises InputError where one of them is missing."""
    if given is None:
        return None
    user, _, password = given.partition(":")
    if not user.strip() or not password.strip():  # Gradio strips what is typed into its form
        raise InputError("--auth takes USER:PASSWORD, and neither may be empty.")
    return user.strip(), password.strip()


def models(given: Sequence[str]) -> dict[str, str]:
    """NAME=FOLDER, each, as a dictionary. Raises InputError for a name that the page does not have, or no folder."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, folder = one.partition("=")
        if not equals or name not in MODELS:
            names = f"{', '.join(MODELS[:-1])} or {MODELS[-1]}"
            raise InputError(f"--model takes NAME=FOLDER, where NAME is {names}, not {one!r}.")
        if name in found:
            raise InputError(f"--model names {name} twice.")
        if not Path(folder).is_dir():
            raise InputError(f"--model {one}: there is no folder {folder!r}.")
        found[name] = folder
    return found


def root_path(given: str | None, option: str = "--root-path") -> str | None:
    """The path, or whole address, of the app behind a proxy. Raises InputError for what is neither."""
    if given is None or given == "":
        return given
    if not given.startswith(("/", "http://", "https://")) or any(c in given for c in "?#\\ "):
        raise InputError(
            f"{option} takes a path such as /demo, or an address such as https://host/demo, not {given!r}."
        )
    return given.rstrip("/")


def check_host(host: str | None, where: str = "") -> None:
    """Raises InputError if this machine is not there."""
    name = _bare(host)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise InputError(f"This machine has no address {name!r} to listen on{where}.") from None
    with socket.socket(family, kind, protocol) as probe:
        try:
            probe.bind(address)
        except OSError as error:
            raise InputError(f"Nothing can listen on {name}{where}: {error.strerror}.") from None


def check_port(host: str | None, port: int | None) -> None:
    """Raises InputError if nothing can listen there, or where none is named at none of the ports that are tried."""
    if port is not None and not 1 <= port <= 65_535:
        raise InputError(f"--port takes a number from 1 to 65535, not {port}.")
    first = number("GRADIO_SERVER_PORT", *NUMBERS["GRADIO_SERVER_PORT"]) or FIRST_PORT
    count = number("GRADIO_NUM_PORTS", *NUMBERS["GRADIO_NUM_PORTS"]) or PORTS
    ports = range(first, min(first + count, 65_536)) if port is None else [port]
    for candidate in ports:
        family, kind, protocol, _, address = socket.getaddrinfo(_bare(host), candidate, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
                return
            except PermissionError:
                raise InputError(f"Port {candidate} may not be used by this account; choose one from 1024.") from None
            except OSError as error:
                if error.errno not in (48, 98, 10048):  # address in use: BSD and macOS, Linux, Windows
                    raise InputError(f"Nothing can listen on {host}: {error.strerror}.") from None
    if port is None:
        raise InputError(f"The ports {ports[0]} to {ports[-1]} are all taken; name another with --port.")
    raise InputError(f"Port {port} is taken already; name another with --port, or leave it out to get a free one.")


def _bare(host: str | None) -> str:
    """As a socket takes it: browsers have IPv6 addresses in brackets."""
    return (host or "127.0.0.1").removeprefix("[").removesuffix("]")


def temporary_folder() -> Path:
    """Where uploads go. Raises InputError if they could not be kept there."""
    named = os.environ.get("GRADIO_TEMP_DIR")
    try:
        folder = Path(named or Path(tempfile.gettempdir()) / "gradio")
    except OSError:
        raise InputError("This machine has no folder for temporary files; name one in TMPDIR.") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            probe.write(b"mmdemo")
    except OSError as error:
        which = "GRADIO_TEMP_DIR" if named else "the folder for temporary files"
        raise InputError(f"Uploads cannot be kept in {folder} ({which}): {error.strerror or error}.") from None
    return folder


def check_kept() -> None:
    """Raises InputError if what links lead to cannot be kept."""
    folder = store().folder
    try:
        with suppress(OSError):  # which is said below
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_folder(folder)
    except InputError as error:
        raise InputError(f"{str(error).rstrip('.')}: MMDEMO_KEPT names another for what links lead to.") from None


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for the files of this server's visitors alone, deleted at the end. The page has to be built inside."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    with tempfile.TemporaryDirectory(dir=temporary_folder(), prefix="mmdemo-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        os.environ["GRADIO_TEMP_DIR"] = str(folder)
        try:
            yield folder
        finally:
            if before is None:
                del os.environ["GRADIO_TEMP_DIR"]
            else:
                os.environ["GRADIO_TEMP_DIR"] = before


def prepare() -> None:
    """Logs are seen at once, in a container too; SIGTERM ends the app as Ctrl-C does."""
    if os.environ.get("SPACE_ID"):  # nobody but the proxy of Spaces can come in: addresses are what that says
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "*")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def serve(
    demo: Any, args: argparse.Namespace, settings: dict[str, Any], started: Callable[[], Any] = lambda: None
) -> None:
    """Launch, call `started`, and serve until interrupted or told to end (SIGINT, SIGTERM).

    Raises:
        InputError: nothing can listen there any more.
    """
    host = _bare(args.host or os.environ.get("GRADIO_SERVER_NAME"))
    past_proxies(host)
    http_server.LOCALHOST_NAME = "127.0.0.1" if ":" in host else host  # Gradio tries a port by IPv4 alone
    try:
        demo.launch(
            num_workers=0,  # Gradio's processes for files would be doors of their own
            share=args.share,
            server_name=f"[{host}]" if ":" in host else host,
            server_port=args.port,
            auth=args.auth,
            root_path=args.root_path,
            prevent_thread_lock=True,
            **settings,
        )
        started()
        demo.block_thread()
    except KeyboardInterrupt:  # before it was up
        demo.close()
    except OSError as error:  # the port was free a moment ago
        raise InputError(f"The server could not be started: {str(error).split('. ')[0].rstrip('.')}.") from None
