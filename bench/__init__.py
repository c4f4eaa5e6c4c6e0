"""What the server costs, measured side by side with what could cost least: ratios and medians of paired runs."""
