"""What the fabric tells: events, congestion episodes, counters, metrics."""
