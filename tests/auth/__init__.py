"""Tests of hub.auth: who is asking."""
