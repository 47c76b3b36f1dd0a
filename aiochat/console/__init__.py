"""A room in a terminal: the command `aiochat-client`, which stands on `aiochat.client` alone."""
