"""An encoder tuned to a catalogue: pictures of what belongs together move together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.types import Mask, Picture
from shortlist.system.contracts import Encoder, FittedEncoder
from shortlist.vision.encoders.pretrained import TorchEncoder
from shortlist.vision.tuning.fine_tune import Epoch, FineTune, TuneReport
from shortlist.vision.tuning.retrieval_metrics import Alike, Codes

HELD_OUT = 0.1  # of the pictures, where the caller names none for validation


def tune(
    encoder: Encoder,
    knobs: FineTune,
    pictures: Sequence[Picture],
    *,
    labels: Codes | None = None,
    pairs: Codes | None = None,
    validation: Mask | None = None,
    watch: Callable[[Epoch], None] | None = None,
) -> tuple[FittedEncoder, TuneReport]:
    """The tuned encoder, as one ONNX graph, and what tuning brought.

    ``pictures`` may decode on access; each is read once for every augmentation. What belongs together is said
    either by ``labels``, int[pictures] (-1: not known; product ids, or codes of a tag), or by ``pairs``,
    int[pairs, 2] of positions in ``pictures`` (a photo that was searched with and the picture clicked after).
    ``validation``, bool[pictures], are searched for among all others and never trained on, nor is a pair with
    one of them; None: every tenth, drawn by chance. ``watch`` is called after each epoch.
    Raises DataError where there is nothing to learn, and MissingExtraError without torch.
    """
    if not isinstance(encoder, TorchEncoder):
        raise DataError(f"{encoder.name} cannot be tuned: only encoders that are torch models can")
    if (labels is None) == (pairs is None):
        raise DataError("tuning needs labels or pairs, one of the two")
    alike = Alike(len(pictures), labels, pairs)
    held = validation if validation is not None else _held_out(len(pictures), knobs.seed)
    _must_teach(alike, held)
    from shortlist.vision.tuning._tune_torch import Trainer

    return Trainer(encoder.staged(), knobs, pictures, alike, held, watch or (lambda _: None)).run(
        encoder.name
    )


def _held_out(count: int, seed: int) -> Mask:
    chosen = np.random.default_rng(seed).permutation(count)[: max(int(count * HELD_OUT), 1)]
    held = np.zeros(count, bool)
    held[chosen] = True
    return held


def _must_teach(alike: Alike, held: Mask) -> None:
    """Raise DataError where nothing could be learned, or nothing judged."""
    if alike.labels is not None:
        codes = np.unique(alike.labels[~held & (alike.labels >= 0)])
        judged = np.isin(alike.labels[held], codes).any()
        if len(codes) < 2:
            raise DataError("tuning needs pictures of at least two labels outside the validation part")
    else:
        assert alike.pairs is not None
        inside = held[alike.pairs]
        judged = (inside.sum(axis=1) == 1).any()
        if (~inside.any(axis=1)).sum() < 2:
            raise DataError("tuning needs at least two pairs outside the validation part")
    if not judged:
        raise DataError("no validation picture belongs with any other: name other pictures for validation")
