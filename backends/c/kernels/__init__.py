"""
The micro-kernels: a plain C body that is the meaning, faster bodies behind #if, same bits.

A program gets the kernels that it calls, in the element types that it calls them with.
`@P@` stands for the prefix, `@U@` for it in capitals; the other placeholders are named by
each kernel. One file for each subject; each kernel is a function that adds it to the
`Kernels` of a program and gives its symbol.
"""

from snncc.backends.c.kernels.collection import Kernels

__all__ = ["Kernels"]
