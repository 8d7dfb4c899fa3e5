"""What a scan says of its image: the part that it determines, and the pairs that it supports."""
