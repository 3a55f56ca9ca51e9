"""
The micro-kernels: a plain C body that is the meaning, faster bodies behind #if, same bits.

A program gets the kernels that it calls, in the element types that it calls them with.
`@P@` stands for the prefix, `@U@` for it in capitals; the other placeholders are named by
each kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.ir import Operation

from snncc.backends.c.functions import BITS, FUNCTION, bit_types, parts_of
from snncc.backends.c.types import CType
from snncc.dialects.snn.functions import FUNCTIONS

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

COMPRESS = """\
/* Lists the indices of the elements that are not zero, ascending; gives their number. */
@U@_INLINE size_t @NAME@(
    const @T@ *restrict x, size_t size, @L@ *restrict list)
{
  size_t count = 0;
@FAST@#if !defined(@U@_AVX512)
@SKIP@  for (size_t i = @START@; i < size; ++i) { /* without a branch on the data */
    list[count] = (@L@)i;
    count += (size_t)(x[i] != 0);
  }
#endif
  return count;
}
"""

COMPRESS_AVX512 = """\
#if defined(@U@_AVX512)
  __m512i index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (size_t i = 0; i < size; i += 16) {
    const size_t left = size - i;
    const __mmask16 valid = (__mmask16)(left < 16 ? (1u << left) - 1u : 0xffffu);
    const __mmask16 active = @TEST@;
    const __m512i packed = _mm512_maskz_compress_epi32(active, index);
    const unsigned found = (unsigned)__builtin_popcount((unsigned)active);
    const __mmask16 stored = (__mmask16)((1u << found) - 1u);
    @STORE@;
    count += found;
    index = _mm512_add_epi32(index, _mm512_set1_epi32(16));
  }
#endif
"""

COMPRESS_BYTES = """\
  const size_t eights = size / 8;
  for (size_t g = 0; g < eights; ++g) { /* eight silent neurons at a time */
    uint64_t eight;
    memcpy(&eight, x + g * 8, 8);
    if (eight != 0) {
      for (size_t i = g * 8; i < g * 8 + 8; ++i) {
        list[count] = (@L@)i;
        count += (size_t)(x[i] != 0);
      }
    }
  }
"""

_TESTS = {
    "f32": "_mm512_mask_cmp_ps_mask(\n"
    "        valid, _mm512_maskz_loadu_ps(valid, x + i), _mm512_setzero_ps(), _CMP_NEQ_UQ)",
    "u8": "_mm_test_epi8_mask(_mm_maskz_loadu_epi8(valid, x + i), _mm_set1_epi8(-1))",
    "u16": "_mm256_test_epi16_mask(\n"
    "        _mm256_maskz_loadu_epi16(valid, x + i), _mm256_set1_epi16(-1))",
}
_STORES = {
    "u16": "_mm256_mask_storeu_epi16(list + count, stored, _mm512_cvtepi32_epi16(packed))",
    "u32": "_mm512_mask_storeu_epi32(list + count, stored, packed)",
}

VECTOR_TYPE = """\
#if defined(@U@_VECTOR)
typedef @F@ @P@_vec_@S@
    __attribute__((vector_size(@U@_VECTOR_BYTES), aligned(@SIZE@), may_alias));
typedef @F@ @P@_half_@S@ __attribute__((vector_size(32), aligned(@SIZE@), may_alias));
typedef @F@ @P@_quarter_@S@ __attribute__((vector_size(16), aligned(@SIZE@), may_alias));
#define @U@_LANES_@S@ (@U@_VECTOR_BYTES / @SIZE@u)
#endif
"""

ADD_ROW = """\
/* target[o] += row[o]@TIMES_TEXT@ */
@U@_INLINE void @NAME@(@F@ *restrict target, const @F@ *restrict row, size_t outputs@VALUE@)
{
  size_t o = 0;
#if defined(@U@_VECTOR)
  for (; o + @U@_LANES_@S@ <= outputs; o += @U@_LANES_@S@) {
    *(@P@_vec_@S@ *)(void *)(target + o) += *(const @P@_vec_@S@ *)(const void *)(row + o)@TIMES@;
  }
#if @U@_VECTOR_BYTES > 32
  for (; o + 32 / @SIZE@ <= outputs; o += 32 / @SIZE@) {
    *(@P@_half_@S@ *)(void *)(target + o) += *(const @P@_half_@S@ *)(const void *)(row + o)@TIMES@;
  }
#endif
#if @U@_VECTOR_BYTES > 16
  for (; o + 16 / @SIZE@ <= outputs; o += 16 / @SIZE@) {
    *(@P@_quarter_@S@ *)(void *)(target + o) +=
        *(const @P@_quarter_@S@ *)(const void *)(row + o)@TIMES@;
  }
#endif
#endif
  for (; o < outputs; ++o) {
    target[o] += row[o]@TIMES@;
  }
}
"""

ADD_CONVERTED = """\
/* target[o] += row[o] for a row of whole numbers */
#if defined(@U@_VECTOR)
typedef @T@ @P@_vec_@TS@_@S@
    __attribute__((vector_size(@U@_VECTOR_BYTES / @SIZE@ * @TSIZE@), aligned(@TSIZE@), may_alias));
@NARROW_TYPE@#endif
@U@_INLINE void @NAME@(@F@ *restrict target, const @T@ *restrict row, size_t outputs)
{
  size_t o = 0;
#if defined(@U@_VECTOR)
  for (; o + @U@_LANES_@S@ <= outputs; o += @U@_LANES_@S@) {
    const @P@_vec_@TS@_@S@ some = *(const @P@_vec_@TS@_@S@ *)(const void *)(row + o);
    *(@P@_vec_@S@ *)(void *)(target + o) += __builtin_convertvector(@SOME@, @P@_vec_@S@);
  }
#endif
  for (; o < outputs; ++o) {
    target[o] += (@F@)row[o];
  }
}
"""

NARROW_TYPE = """\
typedef int32_t @P@_vec_@TS@_i32_@S@ __attribute__((vector_size(@U@_VECTOR_BYTES / @SIZE@ * 4)));
"""

NARROW = "\n        __builtin_convertvector(some, @P@_vec_@TS@_i32_@S@)"
"""Bytes and halves by way of a signed type, which vector units convert; it holds no more."""

GATHER = """\
/* out[o] = (0 + init[o]) + sum over e, in order, of weight[list[e]][o]@TIMES_TEXT@. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t outputs,
    const @L@ *restrict list, size_t count@VALUES_PARAMETER@,
    const @F@ *restrict init, @F@ *restrict out)
{
  size_t o = 0;
#if defined(@U@_VECTOR)
  /* a block of columns stays in registers while the rows pass by */
  for (; o + 8 * @U@_LANES_@S@ <= outputs; o += 8 * @U@_LANES_@S@) {
    @P@_vec_@S@ sum[8];
    for (size_t v = 0; v < 8; ++v) {
      sum[v] = (@P@_vec_@S@){0};
      if (init != NULL) {
        sum[v] += *(const @P@_vec_@S@ *)(const void *)(init + o + v * @U@_LANES_@S@);
      }
    }
    for (size_t e = 0; e < count; ++e) {
      const @F@ *const row = weight + (size_t)list[e] * outputs + o;
@LOAD_VALUE@      for (size_t v = 0; v < 8; ++v) {
        sum[v] += *(const @P@_vec_@S@ *)(const void *)(row + v * @U@_LANES_@S@)@TIMES@;
      }
    }
    for (size_t v = 0; v < 8; ++v) {
      *(@P@_vec_@S@ *)(void *)(out + o + v * @U@_LANES_@S@) = sum[v];
    }
  }
  for (; o + @U@_LANES_@S@ <= outputs; o += @U@_LANES_@S@) {
    @P@_vec_@S@ sum = (@P@_vec_@S@){0};
    if (init != NULL) {
      sum += *(const @P@_vec_@S@ *)(const void *)(init + o);
    }
    for (size_t e = 0; e < count; ++e) {
      const @F@ *const row = weight + (size_t)list[e] * outputs + o;
@LOAD_VALUE@      sum += *(const @P@_vec_@S@ *)(const void *)row@TIMES@;
    }
    *(@P@_vec_@S@ *)(void *)(out + o) = sum;
  }
#endif
  for (size_t p = o; p < outputs; ++p) {
    out[p] = init != NULL ? @ZERO@ + init[p] : @ZERO@;
  }
  if (o < outputs) {
    for (size_t e = 0; e < count; ++e) {
@LOAD_VALUE@      @ADD_ROW@(
          out + o, weight + (size_t)list[e] * outputs + o, outputs - o@PASS_VALUE@);
    }
  }
}
"""

DENSE = """\
/* out[o] = (0 + init[o]) + sum over i ascending of weight[i][o] * x[i]. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t inputs, size_t outputs,
    const @T@ *restrict x, const @F@ *restrict init, @F@ *restrict out)
{
  for (size_t o = 0; o < outputs; ++o) {
    out[o] = init != NULL ? @ZERO@ + init[o] : @ZERO@;
  }
  for (size_t i = 0; i < inputs; ++i) {
    const @F@ value = (@F@)x[i];
    const @F@ *const row = weight + i * outputs;
    for (size_t o = 0; o < outputs; ++o) {
      out[o] += row[o] * value;
    }
  }
}
"""

SCATTER = """\
/* A convolution from events: every active input adds its taps to the outputs it reaches.
   Inputs and outputs lie channel-last; weight is [channel][row][column][output]. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, const @L@ *restrict list,
    size_t count@VALUES_PARAMETER@, const @F@ *restrict init, @F@ *restrict out,
    int32_t in_height, int32_t in_width, int32_t channels, int32_t out_height,
    int32_t out_width, int32_t outputs, int32_t kernel_height, int32_t kernel_width,
    int32_t stride_y, int32_t stride_x, int32_t top, int32_t left, int32_t dilation_y,
    int32_t dilation_x, int32_t groups)
{
  const int32_t group_outputs = outputs / groups;
  const int32_t group_channels = channels / groups;
  (void)in_height;
  for (int32_t place = 0; place < out_height * out_width; ++place) {
    @F@ *const target = out + (ptrdiff_t)place * outputs;
    for (int32_t o = 0; o < outputs; ++o) {
      target[o] = init != NULL ? @ZERO@ + init[o] : @ZERO@;
    }
  }
  for (size_t e = 0; e < count; ++e) {
    const int32_t index = (int32_t)list[e];
    const int32_t channel = index % channels;
    const int32_t column = (index / channels) % in_width;
    const int32_t row = (index / channels) / in_width;
    const int32_t first = channel / group_channels * group_outputs;
@LOAD_VALUE_SCATTER@    /* without dilation every stride-th tap meets an output: from the first */
    const int32_t first_y = dilation_y == 1 ? (row + top) % stride_y : 0;
    const int32_t first_x = dilation_x == 1 ? (column + left) % stride_x : 0;
    for (int32_t ky = first_y; ky < kernel_height; ky += dilation_y == 1 ? stride_y : 1) {
      const int32_t below = row + top - ky * dilation_y;
      if (below < 0) {
        break;
      }
      if (below % stride_y != 0 || below / stride_y >= out_height) {
        continue;
      }
      for (int32_t kx = first_x; kx < kernel_width; kx += dilation_x == 1 ? stride_x : 1) {
        const int32_t right = column + left - kx * dilation_x;
        if (right < 0) {
          break;
        }
        if (right % stride_x != 0 || right / stride_x >= out_width) {
          continue;
        }
        const @F@ *const tap = weight
            + (((ptrdiff_t)channel * kernel_height + ky) * kernel_width + kx) * group_outputs;
        @F@ *const target =
            out + ((ptrdiff_t)(below / stride_y) * out_width + right / stride_x) * outputs + first;
        @ADD_ROW@(target, tap, (size_t)group_outputs@PASS_VALUE@);
      }
    }
  }
}
"""

POOL = """\
/* Pools windows of a channel-last input: @WHAT@. */
@U@_INLINE void @NAME@(const @T@ *restrict x, @F@ *restrict out, int32_t in_height,
    int32_t in_width, int32_t channels, int32_t out_height, int32_t out_width,
    int32_t kernel_height, int32_t kernel_width, int32_t stride_y, int32_t stride_x,
    int32_t top, int32_t left)
{
  for (int32_t y = 0; y < out_height; ++y) {
    for (int32_t z = 0; z < out_width; ++z) {
      @F@ *const target = out + ((ptrdiff_t)y * out_width + z) * channels;
@COUNT_START@      for (int32_t c = 0; c < channels; ++c) {
        target[c] = @START@;
      }
      for (int32_t i = 0; i < kernel_height; ++i) {
        const int32_t row = y * stride_y + i - top;
        if (row < 0 || row >= in_height) {
          continue;
        }
        for (int32_t j = 0; j < kernel_width; ++j) {
          const int32_t column = z * stride_x + j - left;
          if (column < 0 || column >= in_width) {
            continue;
          }
          const @T@ *const source = x + ((ptrdiff_t)row * in_width + column) * channels;
@COUNT_STEP@@UPDATE@        }
      }
@END@    }
  }
}
"""

REARRANGE = """\
/* Runs of neighbours from the places where they start@WHAT@. */
@U@_INLINE void @NAME@(
    const @T@ *restrict x@SIZE_PARAMETER@, const @L@ *restrict places, size_t count, size_t run,
    @T@ *restrict out)
{
  for (size_t i = 0; i < count; ++i) {
@COPY@  }
}
"""

REARRANGE_COPY = "memcpy(out + i * run, x + places[i], run * sizeof(@T@));\n"

DELAY_READ = """\
/* What was written `steps` steps ago; `position` is the row that is written next. */
@U@_INLINE void @NAME@(const @T@ *restrict line, uint32_t position, uint32_t depth, size_t size,
    uint32_t steps, @T@ *restrict out)
{
  const uint32_t row = position + depth - steps;
  memcpy(out, line + (size_t)(row < depth ? row : row - depth) * size, size * sizeof(@T@));
}
"""

DELAY_READ_EACH = """\
/* The same with a number of steps for each element; 0 takes the value of this step. */
@U@_INLINE void @NAME@(const @T@ *restrict line, uint32_t position, uint32_t depth, size_t size,
    const uint32_t *restrict steps, const @T@ *restrict now, @T@ *restrict out)
{
  for (size_t i = 0; i < size; ++i) {
    if (steps[i] == 0) {
      out[i] = now[i];
    } else {
      const uint32_t row = position + depth - steps[i];
      out[i] = line[(size_t)(row < depth ? row : row - depth) * size + i];
    }
  }
}
"""

DELAY_WRITE = """\
/* Writes this step's row over the oldest, and moves on. */
@U@_INLINE void @NAME@(const @T@ *restrict x, @T@ *restrict line, uint32_t *restrict position,
    uint32_t depth, size_t size)
{
  memcpy(line + (size_t)*position * size, x, size * sizeof(@T@));
  *position = *position + 1 < depth ? *position + 1 : 0;
}
"""

EXTREME = """\
/* IEEE 754-2019 @WHAT@: a NaN stays one, -0 is below +0. */
@U@_INLINE @F@ @NAME@(@F@ a, @F@ b)
{
  if (a == b) {
    @UINT@ x;
    @UINT@ y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    x = x @BITS@ y; /* equal numbers differ in the sign of zero only */
    memcpy(&a, &x, sizeof x);
    return a;
  }
  return (a @SIGN@ b || a != a) ? a : b;
}
"""


@dataclass
class Kernels:
    """The kernels that a program calls; asking for one adds it."""

    prefix: str
    upper: str
    _texts: dict[str, str] = field(default_factory=dict[str, str])

    def _add(self, name: str, template: str, **parts: str) -> str:
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

    def compress(self, source: CType, listed: CType) -> str:
        fast = ""
        template = COMPRESS
        if source.short in _TESTS:
            fast = COMPRESS_AVX512.replace("@TEST@", _TESTS[source.short]).replace(
                "@STORE@", _STORES[listed.short]
            )
        else:  # no vector body: the plain one stands everywhere
            template = template.replace("#if !defined(@U@_AVX512)\n", "").replace("#endif\n", "")
        bytes_ = source.short == "u8"
        return self._add(
            f"compress_{source.short}_{listed.short}",
            template.replace("@FAST@", fast)
            .replace("@SKIP@", COMPRESS_BYTES if bytes_ else "")
            .replace("@START@", "eights * 8" if bytes_ else "0"),
            T=source.name,
            L=listed.name,
        )

    def _vector(self, float_type: CType) -> None:
        self._add(
            f"vec_{float_type.short}",
            VECTOR_TYPE,
            F=float_type.name,
            S=float_type.short,
            SIZE=str(float_type.size),
        )

    def _weighted(self, float_type: CType, listed: CType, values: CType | None) -> dict[str, str]:
        cast = "" if values is None or values == float_type else f"({float_type.name})"
        load = f"const {float_type.name} value = {cast}values[list[e]];\n"
        return {
            "F": float_type.name,
            "S": float_type.short,
            "ZERO": "0.0f" if float_type.size == 4 else "0.0",
            "L": listed.name,
            "TIMES": "" if values is None else " * value",
            "TIMES_TEXT": "" if values is None else " * values[list[e]]",
            "VALUES_PARAMETER": "" if values is None else f", const {values.name} *restrict values",
            "LOAD_VALUE": "" if values is None else f"      {load}",
            "LOAD_VALUE_SCATTER": "" if values is None else f"    {load}",
            "ADD_ROW": self._add_row(float_type, float_type, weighted=values is not None),
            "PASS_VALUE": "" if values is None else ", value",
        }

    def _add_row(self, float_type: CType, source: CType, *, weighted: bool = False) -> str:
        """The kernel that adds a row (times a value, where `weighted`) to a float row."""
        self._vector(float_type)
        common = {"F": float_type.name, "S": float_type.short, "SIZE": str(float_type.size)}
        if source != float_type:
            narrow = source.size < 4
            return self._add(
                f"add_{source.short}_row_{float_type.short}",
                ADD_CONVERTED.replace("@NARROW_TYPE@", NARROW_TYPE if narrow else "").replace(
                    "@SOME@", NARROW if narrow else "some"
                ),
                T=source.name,
                TS=source.short,
                TSIZE=str(source.size),
                **common,
            )
        return self._add(
            f"add_{'weighted_' if weighted else ''}row_{float_type.short}",
            ADD_ROW,
            TIMES=" * value" if weighted else "",
            TIMES_TEXT=" * value" if weighted else "",
            VALUE=f", {float_type.name} value" if weighted else "",
            **common,
        )

    def gather(self, float_type: CType, listed: CType, values: CType | None) -> str:
        suffix = f"_{values.short}" if values is not None else ""
        return self._add(
            f"gather_{float_type.short}_{listed.short}{suffix}",
            GATHER,
            **self._weighted(float_type, listed, values),
        )

    def dense(self, float_type: CType, source: CType) -> str:
        return self._add(
            f"dense_{float_type.short}_{source.short}",
            DENSE,
            F=float_type.name,
            T=source.name,
            ZERO="0.0f" if float_type.size == 4 else "0.0",
        )

    def scatter(self, float_type: CType, listed: CType, values: CType | None) -> str:
        suffix = f"_{values.short}" if values is not None else ""
        return self._add(
            f"scatter_{float_type.short}_{listed.short}{suffix}",
            SCATTER,
            **self._weighted(float_type, listed, values),
        )

    def pool(self, kind: str, source: CType, target: CType, *, exclude_padding: bool) -> str:
        zero = {"float": "0.0f", "double": "0.0"}.get(target.name, "0")
        scale = f"({target.name})(kernel_height * kernel_width)"
        lines = {"COUNT_START": "", "COUNT_STEP": "", "END": "", "START": zero}
        update = self._add_row(target, source) + "(target, source, (size_t)channels);"
        what = "the sum, rows first"
        if kind == "avg":
            what = "the sum, rows first, divided by the size of the window"
            if exclude_padding:
                what = "the sum, rows first, divided by the elements inside"
                lines["COUNT_START"] = "      int32_t inside = 0;\n"
                lines["COUNT_STEP"] = "          ++inside;\n"
                scale = f"({target.name})inside"
            lines["END"] = (
                "      for (int32_t c = 0; c < channels; ++c) {\n"
                f"        target[c] /= {scale};\n      }}\n"
            )
        elif kind == "max":
            what = "the largest element"
            update = "target[c] = source[c] > target[c] ? source[c] : target[c];"
            if target.name in ("float", "double"):
                single = target.size == 4
                lines["START"] = "lowest"
                lines["COUNT_START"] = (
                    f"      const {'uint32_t' if single else 'uint64_t'} bits = "
                    f"{'0xff800000u' if single else '0xfff0000000000000u'}; /* -infinity */\n"
                    f"      {target.name} lowest;\n"
                    "      memcpy(&lowest, &bits, sizeof lowest);\n"
                )
                extreme = self.extreme("maximum", target)
                update = f"target[c] = {extreme}(target[c], source[c]);"
            update = (
                f"for (int32_t c = 0; c < channels; ++c) {{\n            {update}\n          }}"
            )
        suffix = "_inside" if exclude_padding and kind == "avg" else ""
        return self._add(
            f"pool_{kind}{suffix}_{source.short}_{target.short}",
            POOL,
            T=source.name,
            F=target.name,
            WHAT=what,
            UPDATE=f"          {update}\n",
            **lines,
        )

    def rearrange(self, element: CType, places: CType, *, zeros: bool) -> str:
        """`run` is a number in the call: a run of one element is a load and a store."""
        copy = f"    {REARRANGE_COPY}"
        if zeros:
            copy = (
                f"    if (places[i] < size) {{\n      {REARRANGE_COPY}    }} else {{\n"
                "      memset(out + i * run, 0, run * sizeof(@T@)); /* +0 is all bits zero */\n"
                "    }\n"
            )
        return self._add(
            f"rearrange{'_zeros' if zeros else ''}_{element.short}_{places.short}",
            REARRANGE.replace("@COPY@", copy),
            WHAT="; a place behind the end is zeros" if zeros else "",
            SIZE_PARAMETER=", size_t size" if zeros else "",
            T=element.name,
            L=places.name,
        )

    def delay_read(self, element: CType, *, each: bool) -> str:
        name = f"delay_read{'_each' if each else ''}_{element.short}"
        return self._add(name, DELAY_READ_EACH if each else DELAY_READ, T=element.name)

    def delay_write(self, element: CType) -> str:
        return self._add(f"delay_write_{element.short}", DELAY_WRITE, T=element.name)

    def extreme(self, which: str, float_type: CType) -> str:
        """`maximum` or `minimum`."""
        largest = which == "maximum"
        return self._add(
            f"{which}_{float_type.short}",
            EXTREME,
            WHAT=which,
            F=float_type.name,
            UINT="uint32_t" if float_type.size == 4 else "uint64_t",
            BITS="&" if largest else "|",
            SIGN=">" if largest else "<",
        )

    def function(self, operation: type[Operation], float_type: CType) -> str:
        """A function of bodies, in front of it what it needs."""
        for type in bit_types(operation, float_type):
            self._add(
                f"bits_{type.short}",
                BITS,
                S=type.short,
                F=type.name,
                UINT="uint32_t" if type.size == 4 else "uint64_t",
            )
        name = f"{FUNCTIONS[operation].name}_{float_type.short}"
        return self._add(name, FUNCTION, **parts_of(operation, float_type))
