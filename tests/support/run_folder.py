"""A folder that all workers of one run of the tests share, for what is made once for all of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "RETURNS_TESTS_FOLDER"


def make_run_folder() -> None:
    """Makes it, in the process that starts the workers: they inherit where it is."""
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="hub-run-")


def run_folder() -> Path:
    """Where it is."""
    return Path(os.environ[VARIABLE])


def remove_run_folder() -> None:
    """Removes it, when the workers have ended."""
    shutil.rmtree(os.environ.pop(VARIABLE))
