"""An encoder tuned to a catalogue: pictures that belong together get similar vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.progress import SILENT, Progress
from shortlist.base.types import Mask, Picture
from shortlist.system.contracts import Encoder, FittedEncoder
from shortlist.vision.encoders.pretrained import TorchEncoder
from shortlist.vision.tuning.fine_tune import Epoch, FineTune, TuneReport
from shortlist.vision.tuning.retrieval_metrics import Codes, Relevance

VALIDATION_SHARE = 0.1  # of the pictures, where the caller names none


def tune(
    encoder: Encoder,
    settings: FineTune,
    pictures: Sequence[Picture],
    *,
    labels: Codes | None = None,
    pairs: Codes | None = None,
    validation: Mask | None = None,
    watch: Callable[[Epoch], None] | None = None,
    progress: Progress = SILENT,
) -> tuple[FittedEncoder, TuneReport]:
    """The tuned encoder, as one ONNX graph, and the report of the run.

    ``pictures`` may decode on access. Which of them belong together is given either by ``labels``,
    int64[pictures] (-1: none; product ids, or codes of a tag), or by ``pairs``, int64[pairs, 2] of positions in
    ``pictures`` (a photo that was searched with and the picture that was clicked). ``validation``,
    bool[pictures], are queries among all others and never trained on, nor is a pair with one of them; None: a
    random tenth. ``watch`` is called after each epoch.

    Features of stages that do not learn are cached by the pictures' contents (see `feature_cache`), so tuning
    again on an overlapping set of pictures computes only those that are new.
    Raises DataError where there is nothing to learn, and MissingExtraError without torch.
    """
    if not isinstance(encoder, TorchEncoder):
        raise DataError(f"{encoder.name} cannot be tuned: only encoders that are torch models can")
    if (labels is None) == (pairs is None):
        raise DataError("tuning needs labels or pairs, one of the two")
    relevance = Relevance(len(pictures), labels, pairs)
    held_out = validation if validation is not None else _random_validation(len(pictures), settings.seed)
    _check(relevance, held_out)
    from shortlist.vision.tuning._tune_torch import Trainer

    trainer = Trainer(
        encoder.staged(), settings, pictures, relevance, held_out, watch or (lambda _: None), progress
    )
    return trainer.run(encoder.name)


def _random_validation(count: int, seed: int) -> Mask:
    chosen = np.random.default_rng(seed).permutation(count)[: max(int(count * VALIDATION_SHARE), 1)]
    held_out = np.zeros(count, bool)
    held_out[chosen] = True
    return held_out


def _check(relevance: Relevance, held_out: Mask) -> None:
    """Raise DataError where nothing can be learned, or nothing evaluated."""
    if relevance.labels is not None:
        codes = np.unique(relevance.labels[~held_out & (relevance.labels >= 0)])
        answerable = np.isin(relevance.labels[held_out], codes).any()
        if len(codes) < 2:
            raise DataError("tuning needs pictures of at least two labels outside the validation part")
    else:
        assert relevance.pairs is not None
        inside = held_out[relevance.pairs]
        answerable = (inside.sum(axis=1) == 1).any()
        if (~inside.any(axis=1)).sum() < 2:
            raise DataError("tuning needs at least two pairs outside the validation part")
    if not answerable:
        raise DataError("no validation picture belongs with any other: name other pictures for validation")
