"""The step player of the Generate tab."""
