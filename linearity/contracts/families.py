"""The model families that this version reads, as a word that needs no library to be judged."""

SUPPORTED = ("llama",)
"""transformers' ``model_type``."""
