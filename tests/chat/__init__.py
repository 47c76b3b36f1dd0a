"""The tests of rooms and words."""
