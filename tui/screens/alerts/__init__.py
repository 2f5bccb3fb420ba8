"""The Alerts screen: the live list and its filter. The app starts here."""
