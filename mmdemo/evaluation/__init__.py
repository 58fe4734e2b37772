"""How good a reconstruction is (`metrics`) and what existing codecs make of the same input (`classical`)."""
