"""The process's garbage collector: it looks at what is new, in short passes, and never again at what stays.

Python frees what nothing refers to by itself. The collector only finds cycles, and a hub makes none that outlive a
request or a connection (`tests/transports/test_departed.py`). docs/decisions/0013-garbage-collector.md has the figures.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping

__all__ = ["THRESHOLDS", "freeze_survivors", "settle_collector"]

#: New objects before a pass over them, and such passes before one over all that is left of them: about 5,000 objects
#: are looked at in one go. There is no third kind of pass.
THRESHOLDS = (1_000, 3, 1_000)
#: The generation whose pass is the last that an object sees.
_LAST = 1


def settle_collector() -> None:
    """Keep the collector off what exists now, and from here on off whatever survives two passes.

    It would walk all that, and every connection, again and again: for 160 ms in one go, with 10,000 of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.callbacks.append(freeze_survivors)


def freeze_survivors(phase: str, info: Mapping[str, int]) -> None:
    """Take what a pass has left out of all later ones; called by the collector itself."""
    if phase == "stop" and info["generation"] >= _LAST:
        gc.freeze()
