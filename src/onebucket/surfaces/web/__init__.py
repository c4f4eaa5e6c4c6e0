"""Pages for people: server-rendered, over the same actions as the API."""
