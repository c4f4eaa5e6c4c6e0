"""All routes of API 2.0: none yet. Every path below its bases answers in 2.0's JSON error envelope."""

from onebucket.surfaces.routing import Surface

V2 = Surface("2.0", ("/2.0", "/api/2.0", "/!api/2.0"), (), in_envelope=True)
