"""The response cache, and the data version that shows whether an entry is fresh.

What becomes of a GET:

1. `http/app.py` hashes it unparsed. If the fingerprint leads to a fresh entry, that is the response.
2. Otherwise the request is parsed and its credential verified; `http/read_handler.py` looks it up by its key.
3. A fresh entry is the response. A stale one is checked in a transaction; if nothing it depends on has changed, it is
   fresh again. Either way the index then leads from the request's fingerprint to the entry.
4. Otherwise the response is computed in that transaction, and stored for the next request.

All four end in `http/effects.py`, which lists what happens with every response. The rate limit is charged before, in
each of them, because it may refuse the call.
"""
