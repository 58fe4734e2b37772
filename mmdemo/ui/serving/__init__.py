"""How the page is served: a fair queue, the same limits on every door, and a start that says what is wrong."""
