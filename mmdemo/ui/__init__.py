"""The page: a Gradio app over the functions of the model package. No model logic lives here."""
