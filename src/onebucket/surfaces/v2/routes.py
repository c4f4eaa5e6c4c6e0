"""Every address of 2.0 in one list: none yet. Whoever asks for one hears so in the envelope that its clients read."""

from onebucket.surfaces.routing import Surface

SURFACE = Surface("2.0", ("/2.0", "/api/2.0", "/!api/2.0"), (), in_envelope=True)
