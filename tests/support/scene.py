"""What a step of the state machine is about, and the deeds that there are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scene:
    """The random parameters of one step: what is done, by whom, where and to what; each deed uses what it needs."""

    deed: str
    who: str
    where: str
    slug: str
    group: str
    person: str
    name: str
    level: str
    yes: bool
    back: bool = False
    project: str = "PROJ"
    project_level: str = "none"


# Deeds by name, as a failing scene shows it: functions of a machine and a scene.
DEEDS: dict[str, Callable[[Any, Scene], None]] = {}


def deed(does: Callable[[Any, Scene], None]) -> Callable[[Any, Scene], None]:
    """Let the machine do this."""
    DEEDS[does.__name__] = does
    return does
