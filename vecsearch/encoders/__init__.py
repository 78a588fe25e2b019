"""From pixels to vectors. Encoders are imported when their name is asked for, not before."""

from vecsearch.encoders.base import Encoder, Trainable
from vecsearch.encoders.registry import (
    EncoderEntry,
    encoder_class,
    encoder_entries,
    load_encoder,
    make_encoder,
)

__all__ = [
    "Encoder",
    "EncoderEntry",
    "Trainable",
    "encoder_class",
    "encoder_entries",
    "load_encoder",
    "make_encoder",
]
