"""The ten digits, drawn, spoken and written: what of the model `digits` is about digits, and not about diffusion.

`words` their names · `frames` bringing a photographed digit or a recording into the model's frame · `number` numbers
of several digits, block by block · `classifier` the judges that read digits off pictures and sounds.
Training data is in `mmdemo.datasets.digits`, figures in `mmdemo.evaluation.digits_report`.
"""
