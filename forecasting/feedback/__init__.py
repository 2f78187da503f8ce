"""What is learned from being wrong: past forecasts beside what came, surprise, and wider intervals at once."""
