"""A server for the groups, group privileges and invitations of Bitbucket Cloud's REST API 1.0."""

__version__ = "0.1.0"
