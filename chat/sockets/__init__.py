"""One file for each wire protocol. They translate; no rule lives here."""
