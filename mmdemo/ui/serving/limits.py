"""How much one visitor, and all together, may ask for at once.

Requests wait in queues by what they ask for, each of which serves one at a time. The identifiers of the queues are in
`mmdemo.ui.shared.state`, where the tabs find them. Within a queue, what is long goes by a lane of its own (`lanes`).
"""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Counts, seconds and bytes; the page uses the defaults, tests smaller ones."""

    places: int = 20  # waiting in one queue
    share: int = 8  # of them all, of one visitor
    address_share: int = 15  # of one queue, from one address: a school may sit behind one, and so may a flood
    grace: float = 10.0  # seconds a request lives that nobody listens to
    unheard: int = 16  # refusals kept for a visitor who listens to none
    direct: int = 12  # requests beside the queue that are answered at once
    direct_share: int = 8  # of them, from one address
    direct_waiting: int = 128  # further ones from one address, which wait a moment
    body: int = 64 * MB  # of one request; a file sent inside JSON takes a third more than on its own
    kept: float = 30.0  # seconds that files and content are kept for who has gone
    page_kept: float = 600.0  # the content of a page, if it is one of the last
    pages_away: int = 5  # that were closed
