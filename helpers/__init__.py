"""Tools without opinions: nothing here knows a room or an account."""
