"""The `dati` command and what it is made of."""
