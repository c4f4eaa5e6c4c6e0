"""SCIM 2.0 (RFC 7643 and 7644): what identity providers bring people and groups with."""
