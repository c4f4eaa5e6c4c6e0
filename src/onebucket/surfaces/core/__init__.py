"""What every surface is declared with: routes, requests and results of handlers, the router, error bodies."""
