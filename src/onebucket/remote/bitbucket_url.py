"""Where Bitbucket Cloud is; apart from what speaks to it, because `onebucket --help` prints it."""

DEFAULT_API = "https://api.bitbucket.org"
