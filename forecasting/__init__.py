"""From usage to a demand profile: what groups of users will need, with its uncertainty."""
