"""Duplicates: equal byte for byte, or near duplicates by a perceptual hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from shortlist.base.types import AnyArray, Floats, Picture, Rows

PerceptualHashes = NDArray[np.uint64]

BITS = 64
MAX_DISTANCE = 4  # bits in which near duplicates may differ
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_WAVES = dct(np.eye(32, dtype=np.float32), axis=0, norm="ortho")[1:9]  # the lowest eight but the constant


def content_hash(data: bytes) -> str:
    """SHA-256 of the bytes, in hexadecimal: ``sha256sum`` of the file."""
    return hashlib.sha256(data).hexdigest()


def perceptual_hash(picture: Picture) -> int:
    """64 bits that hardly change when a picture is saved again or resized.

    pHash: the signs, about their median, of the lowest frequencies of the grey picture of 32 by 32 pixels
    (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, section 3.2.1).
    """
    waves = _WAVES @ (downsample(picture, 32) @ _GREY) @ _WAVES.T
    bits = np.where(np.abs(waves) < 1e-2, 0, waves) > np.median(waves)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def downsample(picture: Picture, size: int) -> Floats:
    """The mean colours of ``size`` by ``size`` fields of equal area, float32[size, size, 3]."""
    means: Floats = picture.astype(np.float32)
    for _ in range(2):  # rows, then columns; sparse, since threads of a dense product get in each other's way
        length, across, colours = means.shape
        means = (_shares(length, size) @ means.reshape(length, -1)).reshape(size, across, colours)
        means = np.ascontiguousarray(means.swapaxes(0, 1))
    return means


@lru_cache(256)
def _shares(length: int, size: int) -> csr_array:
    """What each pixel of a line gives to each of its ``size`` equal fields, float32[size, length]."""
    pixels, edges = np.arange(length), np.arange(size + 1) * (length / size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return csr_array((overlap.clip(0) * (size / length)).astype(np.float32))


def near_duplicates(hashes: PerceptualHashes, distance: int = MAX_DISTANCE) -> Rows:
    """The group of each picture, int64[n]: the index of the first picture of its group.

    Two pictures are in one group where a chain of pictures leads from one to the other, each differing from
    the next in at most ``distance`` bits. Exact: the bits are cut into ``distance`` + 2 pieces, of which two
    such pictures have at least two in common, so that only those with two equal pieces are compared (the
    multi-index of Norouzi, Punjani and Fleet, "Fast search in Hamming space", CVPR 2012, with pairs of pieces).
    """
    values, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    pairs = [np.zeros((2, 0), np.int64)]
    for key in _keys(values, distance):
        pairs += _close(values, key, distance)
    one, other = np.concatenate(pairs, axis=1)
    links = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(values), len(values)))
    _, groups = connected_components(links, directed=False)
    earliest = np.full(len(values), len(hashes), np.int64)
    np.minimum.at(earliest, groups, first)
    group_of_each: Rows = earliest[groups][inverse]
    return group_of_each


def _keys(values: PerceptualHashes, distance: int) -> Iterator[PerceptualHashes]:
    """For each two of the pieces, the bits of ``values`` in them."""
    edges = np.linspace(0, BITS, distance + 3).astype(int)
    pieces = [(1 << int(end)) - (1 << int(start)) for start, end in pairwise(edges)]
    for one, other in combinations(pieces, 2):
        yield values & np.uint64(one | other)


def _close(values: PerceptualHashes, key: PerceptualHashes, distance: int) -> Iterator[AnyArray]:
    """Pairs of equal ``key`` whose values differ in at most ``distance`` bits, int64[2, pairs] at a time."""
    order = np.argsort(key)
    key, values = key[order], values[order]
    at, step = np.flatnonzero(key[1:] == key[:-1]), 1
    while len(at):
        near = at[np.bitwise_count(values[at] ^ values[at + step]) <= distance]
        yield order[np.stack([near, near + step])]
        step += 1
        at = at[at + step < len(key)]
        at = at[key[at] == key[at + step]]
