"""The numbers that the README and docs claim: the scoreboard and the sweeps."""
