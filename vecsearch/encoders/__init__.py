"""From pixels to vectors. Encoders are imported when their name is asked for, not before."""

from vecsearch.encoders.affine import FIT_BYTES, AffineEncoder, fitted_on
from vecsearch.encoders.base import (
    Encoder,
    Trainable,
    has_learned,
    is_fitted,
    is_trainable,
    knows_labels,
)
from vecsearch.encoders.registry import (
    EncoderEntry,
    describe_encoders,
    encoder_class,
    encoder_entries,
    lacking,
    load_encoder,
    make_encoder,
    make_encoder_for,
    only_taken,
    open_encoder,
    remake_encoder,
    unfitted,
)

__all__ = [
    "FIT_BYTES",
    "AffineEncoder",
    "Encoder",
    "EncoderEntry",
    "Trainable",
    "describe_encoders",
    "encoder_class",
    "encoder_entries",
    "fitted_on",
    "has_learned",
    "is_fitted",
    "is_trainable",
    "knows_labels",
    "lacking",
    "load_encoder",
    "make_encoder",
    "make_encoder_for",
    "only_taken",
    "open_encoder",
    "remake_encoder",
    "unfitted",
]
