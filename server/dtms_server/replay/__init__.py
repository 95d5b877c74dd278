"""The defence over history: what it would have done to trades, and what that was worth."""
