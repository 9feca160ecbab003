"""Tuning: pictures of what belongs together move together, and it stops when that stops."""

import os
from dataclasses import dataclass, replace

import numpy as np
import pytest

from shortlist import FineTune
from shortlist.base.errors import DataError
from shortlist.base.settings import cache_folder
from shortlist.system.contracts import Encoder
from shortlist.testing.encoders import pictures
from shortlist.vision.encoders.prepare import Preparation
from shortlist.vision.encoders.pretrained import TorchEncoder
from shortlist.vision.encoders.vector_cache import VectorCache
from shortlist.vision.tuning import feature_cache
from shortlist.vision.tuning.augmentation import Augmentation, augment
from shortlist.vision.tuning.feature_cache import content_hashes
from shortlist.vision.tuning.retrieval_metrics import Relevance, retrieval_metrics
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
        return Staged([first, last], 1, Preparation(side=32, crop_share=1.0), [127.0] * 3, [128.0] * 3)


def tinted():
    """Pictures whose label is the colour of a slight tint; their brightness is noise, and differs more."""
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
    settings = FineTune(**{**vars(QUICK), "backbone": backbone})
    encoder, report = tune(Tiny(), settings, shown, labels=labels, validation=validation)
    assert report.after.recall_1 > report.before.recall_1
    assert report.after.map_r > report.before.map_r + 0.1
    assert report.after.queries == validation.sum()
    # the exported encoder is what was judged: the same figures from its own vectors
    vectors = encoder.encode(shown)
    rows = np.arange(len(shown))
    queries, gallery = rows[validation], rows[~validation]
    again = retrieval_metrics(
        Relevance(len(shown), labels, None), queries, vectors[queries], gallery, vectors[gallery]
    )
    assert again.map_r == pytest.approx(report.after.map_r, abs=0.03)
    assert encoder.embedding_size == QUICK.embedding_size
    assert "recall@1" in str(report)


def test_pairs_teach_what_labels_teach():
    shown, labels, validation = tinted()
    rows = np.arange(len(shown))
    pairs = np.stack([rows[:-KINDS], rows[KINDS:]], axis=1)  # each with the next of its kind
    settings = FineTune(**{**vars(QUICK), "hard_negatives": 1, "batch_size": 16})
    encoder, report = tune(Tiny(), settings, shown, pairs=pairs, validation=validation)
    before, after = Tiny().fit().encode(shown), encoder.encode(shown)
    relevance, held, rest = Relevance(len(shown), labels, None), rows[validation], rows[~validation]
    untuned = retrieval_metrics(relevance, held, before[held], rest, before[rest])
    tuned = retrieval_metrics(relevance, held, after[held], rest, after[rest])
    assert tuned.map_r > untuned.map_r + 0.1
    assert report.after.queries < validation.sum()  # only those that a pair links to the others


def test_stops_when_nothing_gets_better():
    shown, labels, validation = tinted()
    seen = []
    settings = FineTune(**{**vars(QUICK), "learning_rate": 1e-9, "epochs": 10, "patience": 2})
    _, report = tune(Tiny(), settings, shown, labels=labels, validation=validation, watch=seen.append)
    assert len(report.epochs) < 10 or report.best_epoch == 10
    assert "had not risen" in report.stopped or report.best_epoch >= 8
    assert [epoch.number for epoch in seen] == list(range(1, len(report.epochs) + 1))


def test_the_same_seed_gives_the_same_encoder():
    shown, labels, validation = tinted()
    settings = FineTune(**{**vars(QUICK), "epochs": 2, "augmentations": 2})
    one, _ = tune(Tiny(), settings, shown, labels=labels, validation=validation)
    other, _ = tune(Tiny(), settings, shown, labels=labels, validation=validation)
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
    found = retrieval_metrics(
        Relevance(5, labels, None), np.array([0]), vectors[:1], np.arange(1, 5), vectors[1:]
    )
    assert (found.recall_1, found.recall_5, found.queries) == (1, 1, 1)
    assert found.precision_10 == pytest.approx(2 / 4)  # of the four that there are
    assert found.map_r == pytest.approx(1 / 2)  # of R = 2: a hit at 1, none at 2


def test_unknown_labels_belong_with_nothing():
    matrix = Relevance(3, np.array([-1, -1, 4]), None).matrix(np.arange(3), np.arange(3))
    np.testing.assert_array_equal(matrix, np.diag([False, False, True]))


def test_views_differ_and_can_be_drawn_again():
    picture = pictures(3)[2]
    first, same, other = (augment(picture, 32, 0.2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (32, 32, 3)
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_views_of_a_picture_depend_on_its_content_and_the_seed_alone():
    picture, hash = pictures(1)[0], "ab" * 32
    views = Augmentation(views=3, min_crop=0.2, seed=1)(picture, hash, 32)
    assert views.shape == (3, 32, 32, 3)
    more = Augmentation(views=5, min_crop=0.2, seed=1)(picture, hash, 32)
    np.testing.assert_array_equal(views, more[:3])
    assert (views != Augmentation(views=3, min_crop=0.2, seed=2)(picture, hash, 32)).any()
    assert (views != Augmentation(views=3, min_crop=0.2, seed=1)(picture, "cd" * 32, 32)).any()


def test_only_pictures_that_are_new_go_through_the_frozen_stages(monkeypatch):
    from shortlist.vision.tuning import _tune_torch

    passed = []
    forward = _tune_torch.Trainer._forward

    def counted(self, squares):
        passed.append(len(squares))
        return forward(self, squares)

    monkeypatch.setattr(_tune_torch.Trainer, "_forward", counted)
    shown, labels, validation = tinted()
    settings = FineTune(**{**vars(QUICK), "epochs": 1, "augmentations": 2})
    some = slice(0, len(shown) - 6)
    tune(Tiny(), settings, shown[some], labels=labels[some], validation=validation[some])
    first = sum(passed) - 2  # the shape is measured with one empty picture, for each kind of view
    trained = int((~validation[some]).sum())
    assert first == len(shown[some]) + 2 * trained
    passed.clear()
    tune(Tiny(), settings, shown, labels=labels, validation=validation)
    added = int((~validation).sum()) - trained
    assert sum(passed) - 2 == 6 + 2 * added
    passed.clear()
    tune(Tiny(), replace(settings, epochs=2), shown, labels=labels, validation=validation)
    assert sum(passed) == 2
    tune(Tiny(), replace(settings, min_crop=0.5), shown, labels=labels, validation=validation)
    assert sum(passed) - 4 == 2 * int((~validation).sum())


def test_cached_features_give_the_same_encoder():
    shown, labels, validation = tinted()
    settings = FineTune(**{**vars(QUICK), "epochs": 2, "augmentations": 2})
    one, _ = tune(Tiny(), settings, shown, labels=labels, validation=validation)
    other, _ = tune(Tiny(), settings, shown, labels=labels, validation=validation)
    np.testing.assert_array_equal(one.encode(shown[:5]), other.encode(shown[:5]))


def test_vectors_of_the_trained_pictures_need_not_be_computed_again():
    shown, labels, validation = tinted()
    encoder, _ = tune(Tiny(), QUICK, shown, labels=labels, validation=validation)
    hashes = content_hashes(shown)
    with VectorCache(cache_folder() / "vectors", encoder.fingerprint, encoder.embedding_size) as cache:
        np.testing.assert_allclose(cache.take(hashes), encoder.encode(shown), atol=2e-3)


def test_the_feature_cache_is_bounded(monkeypatch):
    shown, labels, validation = tinted()
    folder = cache_folder() / "features"
    tune(Tiny(), QUICK, shown, labels=labels, validation=validation)
    [oldest] = folder.iterdir()
    os.utime(oldest, (0, 0))
    monkeypatch.setattr(feature_cache, "MAX_BYTES", sum(file.stat().st_size for file in oldest.iterdir()))
    tune(Tiny(), replace(QUICK, augmentations=1), shown, labels=labels, validation=validation)
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert total <= feature_cache.MAX_BYTES


def test_a_full_disk_is_one_sentence(monkeypatch):
    shown, labels, validation = tinted()
    monkeypatch.setattr(feature_cache, "DISK_SHARE", 0.0)
    with pytest.raises(DataError, match="SHORTLIST_CACHE"):
        tune(Tiny(), QUICK, shown, labels=labels, validation=validation)
