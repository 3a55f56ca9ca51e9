"""Writes networks as NIR files, where NIR and a way of reading it can say them."""
