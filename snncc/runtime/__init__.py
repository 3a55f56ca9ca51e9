"""Runs emitted code on this machine."""
