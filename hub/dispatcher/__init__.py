"""The one way from the log to the subscribers: live, by replay, and the shared clock's signs of life."""

from hub.dispatcher.live import Dispatcher
from hub.dispatcher.pulse import Pulse
from hub.dispatcher.replay import Replay

__all__ = ["Dispatcher", "Pulse", "Replay"]
