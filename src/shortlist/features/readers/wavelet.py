"""How many values of a span are below a bound, for many spans at once.

A wavelet matrix (Claude, Navarro and Ordóñez, "The wavelet matrix", Information Systems 2015): for each bit of
the values, from the highest, one row of bits in an order in which zeros come before ones. A span and a bound
then are followed down in two look-ups a bit. Rows are packed: 1.5 bits a value and bit.
"""

from __future__ import annotations

import numpy as np

from shortlist.base.types import AnyArray, Rows

WORD_BITS = 64


class Wavelet:
    """Over ``values``, which are not below 0."""

    def __init__(self, values: AnyArray) -> None:
        values = values.astype(np.int64)
        self.levels: list[tuple[int, _Bits]] = []
        for shift in reversed(range(int(values.max(initial=0)).bit_length())):
            bits = (values >> shift & 1).astype(bool)
            self.levels.append((shift, _Bits(bits)))
            values = np.concatenate([values[~bits], values[bits]])

    def below(self, low: Rows, high: Rows, bound: AnyArray) -> Rows:
        """How many of ``values[low:high]`` are below ``bound``, int64[spans]."""
        every, count = high - low, np.zeros(len(low), np.int64)
        for shift, bits in self.levels:
            ones_low, ones_high = bits.before(low), bits.before(high)
            zeros_low, zeros_high = low - ones_low, high - ones_high
            one = (bound >> shift & 1).astype(bool)
            count += np.where(one, zeros_high - zeros_low, 0)
            low = np.where(one, bits.zeros + ones_low, zeros_low)
            high = np.where(one, bits.zeros + ones_high, zeros_high)
        return np.where(bound >> len(self.levels) > 0, every, count)  # such a bound is above every value


class _Bits:
    """A row of bits that knows how many ones are before any position."""

    def __init__(self, bits: AnyArray) -> None:
        packed = np.packbits(bits, bitorder="little")
        whole = np.zeros((len(bits) // WORD_BITS + 1) * 8, np.uint8)
        whole[: len(packed)] = packed
        self.words = whole.view(np.uint64)
        ones = np.bitwise_count(self.words).astype(np.int32)
        self.ones = np.concatenate([[0], np.cumsum(ones[:-1])]).astype(np.int32)
        self.zeros = len(bits) - int(ones.sum())

    def before(self, position: Rows) -> Rows:
        word, bit = position // WORD_BITS, (position % WORD_BITS).astype(np.uint64)
        inside = self.words[word] & ((np.uint64(1) << bit) - np.uint64(1))
        return self.ones[word].astype(np.int64) + np.bitwise_count(inside)
