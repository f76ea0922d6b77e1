"""Traces for people and programs: as JSON documents, as text, and live from a running switch."""
