"""Attempts in other processes: one engine decides and keeps the books, its children make the transfers."""
