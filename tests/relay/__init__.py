"""Tests of hub.relay: from a service's outbox table to the hub."""
