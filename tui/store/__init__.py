"""Stores alerts, destinations, deliveries and attempts. The only package that imports peewee."""
