"""Keeps alerts, destinations, deliveries and attempts: the only importer of peewee."""
