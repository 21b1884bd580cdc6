"""The dataset spirals for dlf: points on arms that wind around one another."""
