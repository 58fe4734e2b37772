"""Entry point of the demo: `python app.py [--share --host --port --device --auth]`, and Hugging Face Spaces."""

from mmdemo.ui.app import main

if __name__ == "__main__":
    main()
