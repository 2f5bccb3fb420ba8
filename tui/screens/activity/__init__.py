"""The Activity screen: deliveries as figures and charts."""
