"""The hub's requests to addresses that others chose: webhooks and push endpoints, behind one guard."""
