"""Deadlines: until when users have to confirm a notification, who did in time, and what happens otherwise."""
