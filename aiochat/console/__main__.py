"""`python -m aiochat.console` is `aiochat-client`."""

from aiochat.console.main import main

if __name__ == "__main__":
    main()
