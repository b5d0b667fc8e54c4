"""The outbox relay: publishes the rows of a service's outbox table, a process of its own beside the service.

It reads and marks rows in the service's PostgreSQL and publishes them over HTTP, as any service does. What to send
next is decided in `round`, without input or output; what a response means in `response`; all the rest waits for one
of the two servers.
"""
