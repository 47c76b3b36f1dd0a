"""The whole suite; it mirrors the packages and runs on servers of its own."""
