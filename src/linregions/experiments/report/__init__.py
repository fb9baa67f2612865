"""What the paper claims, what was found, and the page that says so."""
