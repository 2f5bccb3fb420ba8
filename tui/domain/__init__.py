"""What alerts, destinations and deliveries are: pure rules, standard library only."""
