"""
Random numbers in bodies, without memory: a counter's word and the place of the element.

    word'  = xorshift32(word)                      one word of state, for all elements
    bits   = mixed(word + 0x9E3779B9 * place)      another number for each element

Everything is arithmetic on 32 bits that wraps, so interpreter and C draw the same numbers. The
generator is Marsaglia's (2003, "Xorshift RNGs", Journal of Statistical Software 8:14, shifts 13,
17, 5; period 2^32 - 1, never 0); `mixed` is the finalizer of MurmurHash3 (Appleby), a bijection
that makes each bit depend on all. They are for rounding and noise, not for secrets.
"""

from __future__ import annotations

from snncc.dialects.snn.body import Body, Scalar

GOLDEN = 0x9E3779B9
"""2^32 / golden ratio, odd: places that follow each other are spread over all words."""


def xorshift32(b: Body, word: Scalar) -> Scalar:
    """The next word, i32."""
    word = word ^ (word << 13)
    word = word ^ b.shift_right_unsigned(word, 17)
    return word ^ (word << 5)


def mixed(b: Body, bits: Scalar) -> Scalar:
    """Every bit of the result depends on all bits, i32."""
    bits = (bits ^ b.shift_right_unsigned(bits, 16)) * _signed(0x85EBCA6B)
    bits = (bits ^ b.shift_right_unsigned(bits, 13)) * _signed(0xC2B2AE35)
    return bits ^ b.shift_right_unsigned(bits, 16)


def bits_of(b: Body, word: Scalar, place: Scalar) -> Scalar:
    """The random bits of an element, i32."""
    return mixed(b, word + place * _signed(GOLDEN))


def uniform(b: Body, bits: Scalar) -> Scalar:
    """A number in [0, 1), a multiple of 2^-24: exact in f32."""
    return b.signed_to_float(b.shift_right_unsigned(bits, 8)) * 2.0**-24


def _signed(word: int) -> int:
    return word - (word >> 31 << 32)
