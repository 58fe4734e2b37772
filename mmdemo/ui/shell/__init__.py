"""The page around the tabs: theme, head, the HTML that Gradio serves."""
