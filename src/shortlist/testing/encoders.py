"""The contract of fitted encoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shortlist.base.types import Picture
from shortlist.system.contracts import FittedEncoder
from shortlist.testing.files import assert_no_pickle

SIZES = ((224, 224), (16, 16), (300, 90), (33, 500), (17, 640))  # height, width


def pictures(count: int = 6, seed: int = 0) -> list[Picture]:
    """Pictures of many sizes: a coloured shape on a coloured ground, with some noise."""
    rng = np.random.default_rng(seed)
    made: list[Picture] = []
    for place in range(count):
        height, width = SIZES[place % len(SIZES)]
        picture = np.full((height, width, 3), rng.integers(0, 256, 3), float)
        down, across = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
        centre, radius = rng.uniform(0.3, 0.7, 2), rng.uniform(0.1, 0.4)
        inside = np.hypot(down - centre[0], across - centre[1]) < radius
        picture[inside] = rng.integers(0, 256, 3)
        made.append((picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8))
    return made


class EncoderContract:
    """Subclass it, define ``fitted`` and ``other``, and pytest runs the suite."""

    def fitted(self) -> FittedEncoder:
        """The encoder that is tested; it may be made once for all tests."""
        raise NotImplementedError

    def other(self) -> FittedEncoder:
        """One of the same kind with other weights."""
        raise NotImplementedError

    def test_vectors_have_length_one(self) -> None:
        encoder, shown = self.fitted(), pictures()
        vectors = encoder.encode(shown)
        assert vectors.shape == (len(shown), encoder.embedding_size)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_a_batch_equals_singles(self) -> None:
        encoder, shown = self.fitted(), pictures(19)
        singles = np.concatenate([encoder.encode([picture]) for picture in shown])
        np.testing.assert_allclose(encoder.encode(shown), singles, atol=1e-5)

    def test_no_pictures_give_no_vectors(self) -> None:
        encoder = self.fitted()
        assert encoder.encode([]).shape == (0, encoder.embedding_size)

    def test_takes_any_size_and_does_not_change_the_picture(self) -> None:
        encoder = self.fitted()
        for size in SIZES:
            picture = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
            before = picture.copy()
            assert np.isfinite(encoder.encode([picture])).all(), f"{size} pixels"
            np.testing.assert_array_equal(picture, before)

    def test_takes_views_and_read_only_pictures(self) -> None:
        encoder, picture = self.fitted(), pictures(1)[0]
        mirrored = picture[:, ::-1]
        mirrored.flags.writeable = False
        expected = encoder.encode([np.ascontiguousarray(mirrored)])
        np.testing.assert_array_equal(encoder.encode([mirrored]), expected)

    def test_different_pictures_have_different_vectors(self) -> None:
        vectors = self.fitted().encode(pictures())
        apart = np.abs(vectors[:, None] - vectors).max(axis=2)
        assert (apart[~np.eye(len(vectors), dtype=bool)] > 1e-6).all()

    def test_saves_and_loads(self, tmp_path: Path) -> None:
        encoder, shown = self.fitted(), pictures()
        encoder.save(tmp_path)
        loaded = type(encoder).load(tmp_path)
        assert loaded.fingerprint == encoder.fingerprint
        assert loaded.embedding_size == encoder.embedding_size
        np.testing.assert_allclose(loaded.encode(shown), encoder.encode(shown), atol=1e-6)
        assert_no_pickle(tmp_path)

    def test_other_weights_have_another_fingerprint(self) -> None:
        assert self.fitted().fingerprint != self.other().fingerprint
