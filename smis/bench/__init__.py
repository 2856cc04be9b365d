"""How fast a system trains and draws on this machine, and where the time goes; weights and images are made up."""
