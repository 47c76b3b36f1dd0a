"""Who you are: names, passwords, sessions and tokens."""
