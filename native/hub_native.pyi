from collections.abc import Mapping
from typing import TypeVar

from hub.delivery.envelope import Envelope

_Key = TypeVar("_Key")

CONTRACT: int

class SendSocket:
    position: int
    is_clear: bool
    def __init__(self, descriptor: int, form: int, /) -> None: ...
    @property
    def descriptor(self) -> int: ...
    @property
    def form(self) -> int: ...

def send_batch(
    registered: Mapping[_Key, object], envelope: Envelope, /
) -> tuple[list[_Key], list[tuple[_Key, int]], int, int]: ...
