"""Bytes: documents out, forms and JSON and bare words in, instants as the API writes them; knows no noun of ours."""
