"""Python's search for garbage, made rare.

It walks through all that was made lately, and now and then through everything there is: the thousands of
tests that were collected, and every module. Building many small things, as migrations and forms do, makes it
do so again and again; it took more than half of such a test's time.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 50)
"""As in ``gc.set_threshold``; Python's own are 700, 10, 10."""


def collect_rarely() -> None:
    """From now on; what there is already is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
