"""The strip of example pictures."""

from __future__ import annotations

from mmdemo.ui.shared.component import Component


class Examples(Component):
    """Small pictures to click; the value is a list of {"src", "name", "credit"}. Event: `pick` {index}."""

    markup = '<div class="mm-examples"></div><p class="mm-hint mm-credit"></p>'
