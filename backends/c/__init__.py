"""The C backend: from a `kernel.program` to a folder of C11."""

from snncc.backends.c.package import CPackage, emit

__all__ = ["CPackage", "emit"]
