"""What every page needs: router, request, CSRF protection, pagination and rendering."""
