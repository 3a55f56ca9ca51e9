"""
Canonicalization patterns, one file per dialect, and the traits that hang them on operations.

The traits are light: dialects import them, and the patterns are imported when they first run.
"""

from xdsl.ir import Operation
from xdsl.pattern_rewriter import RewritePattern
from xdsl.traits import HasCanonicalizationPatternsTrait


class SnnCanonicalization(HasCanonicalizationPatternsTrait):
    """The operation has patterns in `canonicalization/snn.py`."""

    def get_patterns(self, op: type[Operation]) -> tuple[RewritePattern, ...]:
        from snncc.passes.canonicalization.snn import PATTERNS

        return PATTERNS[op]

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """All of them; `get_patterns` gives those of one operation."""
        from snncc.passes.canonicalization.snn import PATTERNS

        return tuple(pattern for patterns in PATTERNS.values() for pattern in patterns)
