"""Talks to other hosts over HTTP: code hosts and OpenID providers, one module for each. Knows no noun of ours."""
