"""What every test shares: how Hypothesis runs here."""

from hypothesis import settings

# Hypothesis's own deadline measures the machine, not the hub: on two shared cores it fails at random.
settings.register_profile("hub", deadline=None, print_blob=True)
settings.load_profile("hub")
