"""The tests here share the fixtures of the architectures' tests."""

from tests.architectures.conftest import images, own_random_numbers

__all__ = ["images", "own_random_numbers"]
