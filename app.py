"""Entry point for `python app.py` and Hugging Face Spaces. Options: --share --host --port --device --auth."""

from mmdemo.ui.app import main

if __name__ == "__main__":
    main()
