"""The kernels of one program: those that it calls, in the order of their first use."""

from __future__ import annotations

from dataclasses import dataclass, field

PREAMBLE = """\
/* @U@_PORTABLE takes the plain bodies only; every body gives the same bits. */
#if !defined(@U@_PORTABLE) && defined(__GNUC__) && (__GNUC__ >= 9 || defined(__clang__)) && \\
    (defined(__SSE2__) || defined(__ARM_NEON) || defined(__ALTIVEC__) || defined(__riscv_vector))
#define @U@_VECTOR 1
#if defined(__AVX512F__)
#define @U@_VECTOR_BYTES 64
#elif defined(__AVX__)
#define @U@_VECTOR_BYTES 32
#else
#define @U@_VECTOR_BYTES 16
#endif
#endif
#if !defined(@U@_PORTABLE) && defined(__AVX512F__) && defined(__AVX512BW__) && \\
    defined(__AVX512VL__)
#define @U@_AVX512 1
#include <immintrin.h>
#endif
#if defined(__GNUC__)
#define @U@_INLINE static inline __attribute__((always_inline))
#else
#define @U@_INLINE static inline
#endif
"""


@dataclass
class Kernels:
    """The kernels that a program calls; asking for one adds it."""

    prefix: str
    upper: str
    _texts: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, name: str, template: str, **parts: str) -> str:
        """Its symbol; `@NAME@` stands for it in the template, the other parts for themselves."""
        symbol = f"{self.prefix}_{name}"
        if name not in self._texts:
            text = template
            for key, value in {**parts, "NAME": symbol}.items():
                text = text.replace(f"@{key}@", value)
            self._texts[name] = text
        return symbol

    def text(self) -> str:
        """The header's body: what every kernel needs, then each in order of first use."""
        return (
            "\n".join([PREAMBLE, *self._texts.values()])
            .replace("@P@", self.prefix)
            .replace("@U@", self.upper)
        )
