"""Run a manifest of downloads, requests, uploads and WebSocket captures."""

__version__ = "0.1.0"
