"""What can be done to a room, whoever asks: the only place that decides."""
