"""Writes networks as files of other tools: one package for each format."""
