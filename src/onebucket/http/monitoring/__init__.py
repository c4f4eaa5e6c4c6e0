"""What operators watch: metrics, the access log, health."""
