"""Webhooks: the worker that makes and sends deliveries, and how they are signed."""
