"""What a picture goes through before it is one: limits, first bytes, header, samples, colour."""
