"""`python -m aiochat` is `aiochat`."""

from aiochat.cli import main

if __name__ == "__main__":
    main()
