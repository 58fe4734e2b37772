"""What is only ever tested on: pictures, sounds and texts made by programs, the same on every machine.

Their layouts, seeds and font are not those of the training sets (`mmdemo.datasets.drawn`, `mmdemo.datasets.sounds`).
"""
