"""`/streams/me`: the read side of the open protocol Durable Streams, over a user's notifications.

Version 1.0 of its PROTOCOL.md is meant wherever a section of "the protocol" is named.
"""
