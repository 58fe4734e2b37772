"""Entry point for `python app.py` and Hugging Face Spaces. `--help` lists the options."""

from mmdemo.ui.start import main

if __name__ == "__main__":
    main()
