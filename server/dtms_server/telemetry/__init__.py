"""What operators' tools read by HTTP: health pages and Prometheus metrics."""
