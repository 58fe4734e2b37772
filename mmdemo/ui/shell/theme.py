"""The look of the page: a calm theme of its own, light and dark, from system fonts only."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

UI = Path(__file__).parents[1]
CSS_PATHS = [UI / "shell" / "theme.css", UI / "shared" / "shared.css", *sorted(UI.glob("*/tab.css"))]

SANS = (
    "ui-sans-serif",
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Noto Sans",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "sans-serif",
)
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")

# Gradio's variable: ours. The CSS file gives each of ours its light and its dark value.
VARIABLES = {
    "body_background_fill": "ground",
    "background_fill_primary": "surface",
    "background_fill_secondary": "sunken",
    "body_text_color": "ink",
    "body_text_color_subdued": "muted",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "border_color_accent_subdued": "line",
    "color_accent_soft": "accent-soft",
    "link_text_color": "accent",
    "link_text_color_hover": "accent",
    "link_text_color_active": "accent",
    "link_text_color_visited": "accent",
    "block_background_fill": "surface",
    "block_border_color": "line",
    "block_info_text_color": "muted",
    "block_label_background_fill": "surface",
    "block_label_border_color": "line",
    "block_label_text_color": "muted",
    "block_title_text_color": "ink",
    "panel_background_fill": "surface",
    "panel_border_color": "line",
    "input_background_fill": "surface",
    "input_background_fill_focus": "surface",
    "input_border_color": "line",
    "input_border_color_focus": "accent",
    "input_placeholder_color": "muted",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent",
    "button_primary_border_color": "accent",
    "button_primary_text_color": "surface",
    "button_secondary_background_fill": "surface",
    "button_secondary_background_fill_hover": "sunken",
    "button_secondary_border_color": "line",
    "button_secondary_text_color": "ink",
    "button_cancel_background_fill": "surface",
    "button_cancel_border_color": "line",
    "button_cancel_text_color": "bad",
    "checkbox_background_color": "surface",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "line",
    "checkbox_border_color_focus": "accent",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_background_fill": "surface",
    "checkbox_label_background_fill_hover": "sunken",
    "checkbox_label_background_fill_selected": "accent-soft",
    "checkbox_label_border_color": "line",
    "checkbox_label_text_color": "ink",
    "checkbox_label_text_color_selected": "ink",
    "error_background_fill": "surface",
    "error_border_color": "bad",
    "error_text_color": "bad",
    "error_icon_color": "bad",
    "slider_color": "accent",
    "stat_background_fill": "accent",
    "table_border_color": "line",
    "table_even_background_fill": "surface",
    "table_odd_background_fill": "surface",
    "code_background_fill": "sunken",
}
FIXED = {
    "color_accent": "var(--mm-accent)",
    "loader_color": "var(--mm-accent)",
    "accordion_text_color": "var(--mm-ink)",
    "block_shadow": "none",
    "block_border_width": "1px",
    "block_radius": "12px",
    "block_label_radius": "8px",
    "container_radius": "12px",
    "input_radius": "8px",
    "button_large_radius": "8px",
    "button_medium_radius": "8px",
    "button_small_radius": "8px",
    "button_primary_shadow": "none",
    "layout_gap": "14px",
}


def theme() -> gr.themes.Base:
    """The Gradio theme: its variables point at ours, in light and in dark."""
    base = gr.themes.Base(
        primary_hue="teal", neutral_hue="stone", font=SANS, font_mono=MONO, radius_size="md", text_size="md"
    )
    known = set(base.set.__code__.co_varnames)
    settings = dict(FIXED)
    for name, ours in VARIABLES.items():
        for key in (name, f"{name}_dark"):
            if key in known:
                settings[key] = f"var(--mm-{ours})"
    return base.set(**settings)
