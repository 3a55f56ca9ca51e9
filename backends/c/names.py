"""From the model's names to C identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable

_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        # C up to C23
        "alignas alignof asm auto bool break case char const constexpr continue default do double "
        "else enum extern false float for goto if inline int long nullptr register restrict return "
        "short signed sizeof static static_assert struct switch thread_local true typedef typeof "
        "typeof_unqual union unsigned void volatile while "
        # C++: the header is read there too
        "and and_eq bitand bitor catch char16_t char32_t char8_t class co_await co_return co_yield "
        "compl concept const_cast consteval constinit decltype delete dynamic_cast explicit export "
        "friend mutable namespace new noexcept not not_eq operator or or_eq private protected "
        "public reinterpret_cast requires static_cast template this throw try typeid typename "
        "using virtual wchar_t xor xor_eq "
        # what a program cannot call otherwise
        "NULL errno main",
    )
)

_LIBRARY = frozenset(
    re.findall(
        r"\w+",
        # types and functions that the emitted C calls by name, and their neighbours
        "max_align_t nullptr_t ptrdiff_t rsize_t size_t ssize_t "
        "memchr memcmp memcpy memmove memset offsetof "
        # macros that stand for something wherever they are read: of other headers, of compilers
        "BUFSIZ EOF EXIT_FAILURE EXIT_SUCCESS FALSE I INFINITY NAN RAND_MAX TRUE assert complex "
        "imaginary noreturn stderr stdin stdout "
        "far huge hpux i386 interrupt linux m68k mips near pascal pixel sparc sun unix vax vector "
        "HIGH INPUT LOW OUTPUT PI",
    )
)
"""Names of headers, of libraries and of compilers."""

_INTEGERS = re.compile(
    r"u?int\w*_t|U?INT\w*_(MIN|MAX|WIDTH|C)|(PTRDIFF|SIG_ATOMIC|SIZE|WCHAR|WINT)_(MIN|MAX|WIDTH)"
)
"""Types and macros of <stdint.h>."""

STEP_LOCALS = frozenset(["s", "t", "i", "e", "k", "steps", "left", "block", "active", "status"])
"""What functions that have inputs and outputs as parameters call their own, besides `i0`."""

LOOP_LOCALS = frozenset("n")
"""The same of elementwise loops, besides `n0`."""

_NUMBERED = re.compile(r"[in]\d+")
"""Variables of nested loops."""

PACKAGE = frozenset(
    re.findall(
        r"\w+",
        "address_t block block_q init reset run run_q stages state state_t status_t status_text "
        "step_counts step_counts_q step_events step_events_q step_f32 step_q",
    )
)
"""The symbols that every package has, without the prefix."""

_FAMILIES = re.compile(r"(stage|initial)_", re.IGNORECASE)
"""What the symbols of stages and of tables of initial values begin with."""

_KERNELS = re.compile(r"\w*_[fiu](8|16|32|64)", re.IGNORECASE)
"""Symbols of kernels end with a type."""

_HEADERS = frozenset(
    re.findall(
        r"\w+",
        # C11 and C23
        "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal "
        "stdalign stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib "
        "stdnoreturn string tgmath threads time uchar wchar wctype "
        # POSIX
        "aio cpio dirent dlfcn endian fcntl fmtmsg fnmatch ftw glob grp iconv langinfo libgen "
        "libintl monetary mqueue ndbm netdb nl_types poll pthread pwd regex sched search "
        "semaphore spawn strings stropts syslog tar termios trace ulimit unistd utime utmpx "
        "wordexp "
        # what those of a C library or compiler include in turn
        "alloca features immintrin malloc memory values",
    )
)
"""
Headers, without `.h`: the folder of NAME.h is on the include path, and would be searched
before the system's.
"""


def identifier(name: str) -> str:
    """
    A C identifier near to a name: other characters become _, a digit in front gets an n, a
    word of the language or of a header a _ behind it.
    """
    text = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "n"
    if text[0].isdigit():
        text = f"n{text}"
    taken = text in _KEYWORDS or text in _LIBRARY or _INTEGERS.fullmatch(text)
    return f"{text}_" if taken else text


class Scope:
    """
    Gives each name of one C scope an identifier of its own. No two differ in case alone:
    macros are named by them in capitals.

    Names of the model come by `[]` or `fresh` and get none of the `reserved` identifiers;
    the program's own come by `local` and may.
    """

    def __init__(self, reserved: Iterable[str] = ()):
        self._reserved = {name.lower() for name in reserved}
        self._taken: set[str] = set()
        self._found: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        """The identifier of a name: the same one every time."""
        if name not in self._found:
            self._found[name] = self.fresh(name)
        return self._found[name]

    def fresh(self, name: str) -> str:
        """An identifier near to a name that nothing in the scope has."""
        return self.local(self._free(identifier(name)))

    def local(self, name: str) -> str:
        """An identifier of the program's own, that nothing in the scope has."""
        candidate, number = name, 1
        while candidate.lower() in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate.lower())
        return candidate

    def _free(self, text: str) -> str:
        """An identifier near to another that is not reserved."""
        return f"{text}_" if text.lower() in self._reserved else text


class LocalScope(Scope):
    """
    The names inside of a function, or of the members of a struct. None looks like a symbol
    or a macro of the package, which it would hide or be replaced by.
    """

    def __init__(self, prefix: str, reserved: Iterable[str] = ()):
        super().__init__(reserved)
        self._front = f"{prefix}_".lower()

    def _free(self, text: str) -> str:
        if text.lower().startswith(self._front):
            text = f"x{text}"  # which no prefix begins again
        return f"{text}_" if _NUMBERED.fullmatch(text) else super()._free(text)


class SymbolScope(Scope):
    """What follows the prefix in symbols: constants, loops and tables share one C scope."""

    def __init__(self) -> None:
        super().__init__(PACKAGE)

    def _free(self, text: str) -> str:
        if _FAMILIES.match(text):
            text = f"x{text}"
        return f"{text}_" if _KERNELS.fullmatch(text) else super()._free(text)


def prefix_fault(text: str) -> str | None:
    """
    Why a text cannot stand in front of every symbol, or None where it can.

    Prefixes are lower-case: macros have them in capitals, and two networks in one program
    must not share these.
    """
    if re.fullmatch(r"[a-z][a-z0-9_]*", text) is None:
        return f"expected lower-case letters, digits and _, a letter first, got {text!r}"
    if text in _KEYWORDS:
        return f"{text!r} is a word of C or C++"
    if text in _HEADERS:
        return f"{text}.h would hide the system's header <{text}.h>"
    return None


def prefix_of(name: str) -> str:
    """The prefix of a network that has this name: the name itself where it can be one."""
    text = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "n"
    if text[0].isdigit():
        text = f"n{text}"
    return text if prefix_fault(text) is None else f"{text}_net"
