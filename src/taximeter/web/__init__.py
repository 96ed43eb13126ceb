"""Servers, on top of all: nothing imports them."""
