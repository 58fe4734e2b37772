"""Opening an .mmt file in a tab."""

from __future__ import annotations

from mmdemo.codec import Codec
from mmdemo.errors import InputError
from mmdemo.tokens import Tokens, mmt


def read_tokens(codec: Codec, data: bytes, positions: int, too_many: InputError) -> Tokens:
    """Tokens that this codec made, on as many levels as the file has; of an exact text, its codes too.

    Args:
        positions: the most that the page takes.
        too_many: what is raised for more. The header is asked first: a small file can announce an input that would take
            hours to decode.

    Raises:
        InputError: `too_many`, or the file is damaged or of other weights.
    """
    if mmt.symbols(data) > codec.levels * positions:
        raise too_many
    tokens = Tokens.from_bytes(data)
    if tokens.modality == codec.modality:
        tokens = codec.complete(tokens)
    codec.check(tokens)
    return tokens
