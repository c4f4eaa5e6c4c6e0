"""What every page needs: the router, requests, forms, rendering."""
