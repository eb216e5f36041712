"""What stays with a learner: checks passed, predictions made, runs; local lines, chained by hashes.

Nothing is imported here but the standard library, and nothing leaves the machine.
"""

from labkit.progress.chain import START, broken, canonical, digest, read, stamp
from labkit.progress.log import FILE, attempts, finished, kept, note, notebook, place

__all__ = [
    "FILE",
    "START",
    "attempts",
    "broken",
    "canonical",
    "digest",
    "finished",
    "kept",
    "note",
    "notebook",
    "place",
    "read",
    "stamp",
]
