"""The double: a real server with throw-away data for the tests of tools that call Bitbucket, steered by `/double/…`."""
