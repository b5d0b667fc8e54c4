"""The commands, run as anybody runs them."""
