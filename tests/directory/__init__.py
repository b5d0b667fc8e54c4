"""Tests of hub.directory: users and accounts."""
