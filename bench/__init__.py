"""How fast aiochat is, against its peers, in one run on one machine."""
