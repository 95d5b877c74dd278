"""The use cases: what DTMS does with trades, over the ports; may await and log."""
