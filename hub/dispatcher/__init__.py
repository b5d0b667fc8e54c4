"""The one way from the log to the subscribers: live, by replay, page by page; and the shared clocks' pings."""

from hub.dispatcher.confirmation import Confirmation
from hub.dispatcher.live import Dispatcher
from hub.dispatcher.pages import Page, Pages
from hub.dispatcher.pulse import Pulse
from hub.dispatcher.replay import Replay

__all__ = ["Confirmation", "Dispatcher", "Page", "Pages", "Pulse", "Replay"]
