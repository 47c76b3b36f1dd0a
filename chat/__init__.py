"""Rooms, the words spoken in them, and who may rule there."""
