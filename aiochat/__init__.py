"""The house put together: settings, servers of our own, routes, and the command `aiochat`."""

__version__ = "0.1.0"
