"""What the server shows to the world, side by side over the same actions; none imports another."""
