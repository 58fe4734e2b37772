"""Entropy coding of codes and bytes: a learned prior says how likely each symbol is, a range coder writes it.

layout.py   in which order symbols are coded, and which decoded ones each may look at
prior.py    the network: neighbours -> logits, trained by ``mmdemo train prior-...``
integer.py  the same network in whole numbers: equal on every machine, so that a file opens everywhere
coder.py    symbols <-> bytes
priors.py   which prior belongs to which tokenizer
"""
