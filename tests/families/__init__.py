"""Every family that is read, each by a tiny model of random weights."""
