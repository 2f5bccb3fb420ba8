"""Alerts, the home screen: the live list and its filter."""
