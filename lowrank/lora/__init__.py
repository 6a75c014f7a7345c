"""Low-rank adapters of language models: what they cost, what they hold, how far they can be cut."""
