"""Data sets made from packages that anybody can have: photographs and emoji. Nothing is fetched but when asked for."""
