"""Clients that well-known generators make from the API document, compiled and run against a real hub."""
