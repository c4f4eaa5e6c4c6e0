"""What both databases share: transactions, statements, and what they read."""
