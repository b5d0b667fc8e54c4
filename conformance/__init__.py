"""The Autobahn suite against the hub's own WebSocket protocol."""
