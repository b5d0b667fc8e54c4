"""Webhooks: what services are told of their notifications, at least once each, signed, and tried again for a day."""
