"""Talks to code hosts elsewhere: HTTP with retries and budgets, and one module for each host. Knows no noun of ours."""
