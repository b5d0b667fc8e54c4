"""Durable Streams as its own clients and its own conformance suite see the hub."""
