"""Brings tools with Bitbucket's addresses built in to a onebucket server, without changing them."""
