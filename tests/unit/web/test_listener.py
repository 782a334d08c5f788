"""How many connections there are at most."""

from __future__ import annotations

import pytest

from hub.web.listener import most_connections


@pytest.mark.parametrize(
    ("descriptors", "connections"),
    [(64, 16), (128, 32), (256, 160), (1024, 768), (4096, 3072), (65_536, 4096), (1_073_741_816, 4096)],
)
def test_a_quarter_of_the_descriptors_and_96_at_least_are_left_to_everything_else(
    descriptors: int, connections: int
) -> None:
    assert most_connections(descriptors) == connections
