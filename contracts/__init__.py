"""Every struct on the wire: what services publish, what subscribers receive, and what the hub answers.

msgspec only, so that a service, a client or a company's own module of types can install this package
without the hub. One noun per module; each module's `__all__` is its door.
"""
