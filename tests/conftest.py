"""Settings of every test: the same examples on every run, no time limit for one example."""

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("steady")
