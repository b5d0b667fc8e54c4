"""What the nodes of a cluster tell each other. A hub alone has no other node, and pays nothing for it."""
