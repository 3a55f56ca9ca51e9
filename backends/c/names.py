"""From the model's names to C identifiers."""

import re

_KEYWORDS = frozenset(
    [
        "alignas",
        "alignof",
        "auto",
        "bool",
        "break",
        "case",
        "char",
        "const",
        "constexpr",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "false",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "nullptr",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "static_assert",
        "struct",
        "switch",
        "thread_local",
        "true",
        "typedef",
        "typeof",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "asm",
        "class",
        "delete",
        "friend",
        "mutable",
        "namespace",
        "new",
        "operator",
        "private",
        "protected",
        "public",
        "template",
        "this",
        "throw",
        "try",
        "catch",
        "using",
        "virtual",
        "and",
        "or",
        "not",
        "xor",
        "NULL",
        "main",
        "errno",
    ]
)


def identifier(name: str) -> str:
    """A C identifier near to a name: other characters become _, a digit in front gets an n."""
    text = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "n"
    if text[0].isdigit():
        text = f"n{text}"
    return f"{text}_" if text in _KEYWORDS else text


class Scope:
    """Gives each name of one C scope an identifier of its own."""

    def __init__(self, reserved: tuple[str, ...] = ()):
        self._taken = set(reserved)
        self._found: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        """The identifier of a name: the same one every time."""
        if name not in self._found:
            self._found[name] = self.fresh(name)
        return self._found[name]

    def fresh(self, name: str) -> str:
        """An identifier near to a name that nothing in the scope has."""
        base = identifier(name)
        candidate, number = base, 1
        while candidate in self._taken:
            number += 1
            candidate = f"{base}_{number}"
        self._taken.add(candidate)
        return candidate


def is_prefix(text: str) -> bool:
    """Whether a text may stand in front of every symbol."""
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text) is not None and text not in _KEYWORDS
