"""What operators watch: metrics, the access log and health checks."""
