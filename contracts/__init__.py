"""Every struct on the wire: what services publish, what subscribers receive, and what the hub responds.

The package needs only msgspec, so that a service, a client or a company's own module of types can install it
without the hub. Each module is one noun, and its `__all__` is its public interface.
"""
