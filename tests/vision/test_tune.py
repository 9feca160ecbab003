"""Tuning: pictures of what belongs together move together, and it stops when that stops."""

from dataclasses import dataclass

import numpy as np
import pytest

from shortlist import FineTune
from shortlist.base.errors import DataError
from shortlist.system.contracts import Encoder
from shortlist.testing.encoders import pictures
from shortlist.vision.encoders.prepare import Preparation
from shortlist.vision.encoders.pretrained import TorchEncoder
from shortlist.vision.tuning.augmentation import altered
from shortlist.vision.tuning.retrieval_metrics import Alike, quality
from shortlist.vision.tuning.tune import tune

torch = pytest.importorskip("torch", reason="tuning needs torch")
KINDS, EACH = 3, 20


@dataclass(frozen=True, kw_only=True)
class Tiny(TorchEncoder):
    """Two convolutions of random weights: a frozen one, and one that learns with the backbone."""

    def _staged(self):
        from shortlist.vision.encoders._export_torch import Pool, Staged

        torch.manual_seed(3)
        first = torch.nn.Conv2d(3, 8, 5, 2)
        last = torch.nn.Sequential(torch.nn.Conv2d(8, 16, 3, 2), Pool())
        return Staged([first, last], 1, Preparation(side=32, share=1.0), [127.0] * 3, [128.0] * 3)


def tinted():
    """Pictures whose label is the colour of a slight tint; how bright they are says nothing, and differs more."""
    rng = np.random.default_rng(0)
    labels = np.arange(KINDS * EACH) % KINDS
    tints = np.eye(3)[labels] * 15
    made = [
        (rng.uniform(40, 200) + tint + rng.normal(0, 10, (40, 40, 3))).clip(0, 255).astype(np.uint8)
        for tint in tints
    ]
    return made, labels, np.arange(KINDS * EACH) >= KINDS * (EACH - 5)


QUICK = FineTune(
    epochs=25, augmentations=0, batch_size=8, embedding_size=8, dropout=0, patience=25, learning_rate=0.05
)


@pytest.mark.parametrize("backbone", [False, True])
def test_tuning_lifts_recall(backbone):
    shown, labels, validation = tinted()
    knobs = FineTune(**{**vars(QUICK), "backbone": backbone})
    encoder, report = tune(Tiny(), knobs, shown, labels=labels, validation=validation)
    assert report.after.recall_1 > report.before.recall_1
    assert report.after.map_r > report.before.map_r + 0.1
    assert report.after.queries == validation.sum()
    # the exported encoder is what was judged: the same figures from its own vectors
    vectors = encoder.encode(shown)
    rows = np.arange(len(shown))
    queries, answers = rows[validation], rows[~validation]
    again = quality(Alike(len(shown), labels, None), queries, vectors[queries], answers, vectors[answers])
    assert again.map_r == pytest.approx(report.after.map_r, abs=0.03)
    assert encoder.embedding_size == QUICK.embedding_size
    assert "recall@1" in str(report)


def test_pairs_teach_what_labels_teach():
    shown, labels, validation = tinted()
    rows = np.arange(len(shown))
    pairs = np.stack([rows[:-KINDS], rows[KINDS:]], axis=1)  # each with the next of its kind
    knobs = FineTune(**{**vars(QUICK), "hard_negatives": 1, "batch_size": 16})
    encoder, report = tune(Tiny(), knobs, shown, pairs=pairs, validation=validation)
    before, after = Tiny().fit().encode(shown), encoder.encode(shown)
    alike, held, rest = Alike(len(shown), labels, None), rows[validation], rows[~validation]
    untuned = quality(alike, held, before[held], rest, before[rest])
    tuned = quality(alike, held, after[held], rest, after[rest])
    assert tuned.map_r > untuned.map_r + 0.1
    assert report.after.queries < validation.sum()  # only those that a pair links to the others


def test_stops_when_nothing_gets_better():
    shown, labels, validation = tinted()
    seen = []
    knobs = FineTune(**{**vars(QUICK), "learning_rate": 1e-9, "epochs": 10, "patience": 2})
    _, report = tune(Tiny(), knobs, shown, labels=labels, validation=validation, watch=seen.append)
    assert len(report.epochs) < 10 or report.best == 10
    assert "had not risen" in report.stopped or report.best >= 8
    assert [epoch.number for epoch in seen] == list(range(1, len(report.epochs) + 1))


def test_the_same_seed_gives_the_same_encoder():
    shown, labels, validation = tinted()
    knobs = FineTune(**{**vars(QUICK), "epochs": 2, "augmentations": 2})
    one, _ = tune(Tiny(), knobs, shown, labels=labels, validation=validation)
    other, _ = tune(Tiny(), knobs, shown, labels=labels, validation=validation)
    np.testing.assert_allclose(one.encode(shown[:5]), other.encode(shown[:5]), atol=1e-4)


class Foreign(Encoder):
    def fit(self):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("encoder", "given", "message"),
    [
        (Foreign(), {"labels": np.zeros(KINDS * EACH, int)}, "cannot be tuned"),
        (Tiny(), {}, "labels or pairs"),
        (Tiny(), {"labels": np.zeros(KINDS * EACH, int)}, "at least two labels"),
        (Tiny(), {"pairs": np.zeros((0, 2), int)}, "at least two pairs"),
        (Tiny(), {"labels": np.arange(KINDS * EACH)}, "no validation picture belongs"),
    ],
)
def test_says_what_is_missing(encoder, given, message):
    shown, _, validation = tinted()
    with pytest.raises(DataError, match=message):
        tune(encoder, QUICK, shown, validation=validation, **given)


def test_figures_of_a_known_ranking():
    # one query at angle 0, answers at growing angles: right, wrong, right, wrong
    angles = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = np.array([7, 7, 1, 7, 1])
    found = quality(Alike(5, labels, None), np.array([0]), vectors[:1], np.arange(1, 5), vectors[1:])
    assert (found.recall_1, found.recall_5, found.queries) == (1, 1, 1)
    assert found.precision_10 == pytest.approx(2 / 4)  # of the four that there are
    assert found.map_r == pytest.approx(1 / 2)  # of R = 2: a hit at 1, none at 2


def test_unknown_labels_belong_with_nothing():
    matrix = Alike(3, np.array([-1, -1, 4]), None).matrix(np.arange(3), np.arange(3))
    np.testing.assert_array_equal(matrix, np.diag([False, False, True]))


def test_views_differ_and_can_be_drawn_again():
    picture = pictures(3)[2]
    first, same, other = (altered(picture, 32, 0.2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (32, 32, 3)
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
