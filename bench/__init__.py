"""What the hub costs, measured beside what others cost, in one run: `python -m bench`."""
