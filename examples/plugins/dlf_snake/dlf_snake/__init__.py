"""The activation snake for dlf, for signals that repeat."""
